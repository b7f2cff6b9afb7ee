/** Annotations as they are given on a command line. */
import { UsageError } from '../foundation/errors.ts';

/** What `docker buildx` puts before a key to say where the annotation goes: here that is said by the command. */
const typeOfBuildx = /^(?:manifest|index|manifest-descriptor|index-descriptor)(?:\[[^\]]*\])?:/;

/**
 * `key=value` to its two parts. The value may be empty and may hold `=` and commas; splitting a list of annotations is for
 * the caller. Throws UsageError INVALID_ANNOTATION.
 */
export function parseAnnotation(text: string): [key: string, value: string] {
  const at = text.indexOf('=');
  if (at < 0) {
    throw new UsageError(`no value given for annotation "${text}": no "=" found in annotation "${text}"`, {
      code: 'INVALID_ANNOTATION',
      hint: 'Write key=value; key= sets an empty value.',
    });
  }
  if (at === 0) {
    throw new UsageError(`no key given for annotation "${text}": there is nothing before the "="`, {
      code: 'INVALID_ANNOTATION',
      hint: 'Write key=value.',
    });
  }
  const [type] = typeOfBuildx.exec(text) ?? [];
  if (type !== undefined) {
    throw new UsageError(`the annotation "${text}" begins with "${type}", which says nothing here`, {
      code: 'INVALID_ANNOTATION',
      hint: `Write ${text.slice(type.length)}: for the index with \`annotate --index\`, for one image with \`annotate LIST PLATFORM\`.`,
    });
  }
  return [text.slice(0, at), text.slice(at + 1)];
}

/** What one annotation argument asks for: to set a value, or (form `key-`, without `=`) to take the annotation away. */
export type AnnotationEdit = { set: readonly [key: string, value: string] } | { remove: string };

/** `key=value` or `key-`. Throws UsageError INVALID_ANNOTATION. */
export function parseAnnotationEdit(text: string): AnnotationEdit {
  if (text.length > 1 && text.endsWith('-') && !text.includes('=')) return { remove: text.slice(0, -1) };
  return { set: parseAnnotation(text) };
}
