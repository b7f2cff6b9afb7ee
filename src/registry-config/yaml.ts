/**
 * The YAML parser. It is CommonJS, of which an `import()` in the build has no named exports; this module has, and is what is
 * imported when it is needed.
 */
export { parse as parseYaml } from 'yaml';
