/** `@sigstore/protobuf-specs`, CommonJS: an `import()` of it in the build has no named exports, one of this module has. */
export { HashAlgorithm, TransparencyLogEntry, TrustedRoot } from '@sigstore/protobuf-specs';
export { CreateEntryRequest } from '@sigstore/protobuf-specs/rekor/v2';
