/** `@sigstore/verify`, which is CommonJS: an `import()` of it in the build has no named exports, one of this module has. */
export { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
