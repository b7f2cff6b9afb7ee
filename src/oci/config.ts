/**
 * The config of an image: what it says of its platform. Everything else is kept as it is.
 *
 * Source: OCI Image Specification v1.1, config.md; Docker's configs have the same members.
 */

import { fields } from './document-fields.ts';
import { checkShape, schemas } from './document-schema.ts';
import { member } from './document-view.ts';
import { parseJson } from './json-parser.ts';
import type { UnknownMembers } from './json-value.ts';

export interface ImageConfig {
  readonly architecture?: string;
  readonly os?: string;
  readonly variant?: string;
  readonly 'os.version'?: string;
  readonly 'os.features'?: readonly string[];
  /** All other members, in their order. */
  readonly unknown?: UnknownMembers;
}

/** Throws IntegrityError MALFORMED_CONFIG, MALFORMED_JSON and its kin. Members that are empty or `null` are absent. */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const what = 'image config';
  const { shape, object } = checkShape(schemas.config, parseJson(bytes, what), what, 'MALFORMED_CONFIG');
  const features = shape['os.features'];
  // configs have members that differ only by case (Docker's container_config repeats names), so these are not compared
  const others = Object.keys(object).filter((key) => !fields.config.has(key));
  return {
    ...member('architecture', shape.architecture || undefined),
    ...member('os', shape.os || undefined),
    ...member('variant', shape.variant || undefined),
    ...member('os.version', shape['os.version'] || undefined),
    ...member('os.features', features && features.length > 0 ? features : undefined),
    ...member(
      'unknown',
      others.length === 0 ? undefined : Object.fromEntries(others.map((key) => [key, object[key] ?? null])),
    ),
  };
}
