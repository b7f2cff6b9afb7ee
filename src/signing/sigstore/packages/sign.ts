/** `@sigstore/sign`, which is CommonJS: an `import()` of it in the build has no named exports, one of this module has. */
export { RekorWitness, TSAWitness } from '@sigstore/sign';
