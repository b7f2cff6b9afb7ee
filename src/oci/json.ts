/**
 * JSON as sheaf reads and writes it: reading is strict where readers could disagree, writing is what Go's `encoding/json` writes.
 *
 * Source: RFC 8259; the output of Go's `encoding/json`, which wrote nearly every manifest in the world.
 */
export { encodeGoJson } from './go-json.ts';
export { parseJson } from './json-parser.ts';
export { ExactNumber, isJsonObject, type JsonValue } from './json-value.ts';
