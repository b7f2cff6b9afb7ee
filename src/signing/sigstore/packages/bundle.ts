/** `@sigstore/bundle`, which is CommonJS: an `import()` of it in the build has no named exports, one of this module has. */
export {
  BUNDLE_V01_MEDIA_TYPE,
  BUNDLE_V03_MEDIA_TYPE,
  bundleFromJSON,
  bundleToJSON,
  isBundleWithDsseEnvelope,
} from '@sigstore/bundle';
