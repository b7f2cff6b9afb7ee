/** `@sigstore/protobuf-specs`, CommonJS: an `import()` of it in the build has no named exports, one of this module has. */
export { HashAlgorithm, TrustedRoot } from '@sigstore/protobuf-specs';
