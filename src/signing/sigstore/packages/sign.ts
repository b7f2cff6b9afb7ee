/**
 * What `@sigstore/sign` knows of the entries of logs; it is CommonJS: an `import()` of it in the build has no named exports, one of
 * this module has. Its own clients are not used: they know neither our proxies nor our authorities.
 */
export { toCreateEntryRequest, toProposedEntry } from '@sigstore/sign/dist/witness/tlog/entry.js';
