/** What is different between two indexes, as text for people and as data. */
import type { IndexDiff, InstanceDiff, MemberChange } from '../../oci/diff-indexes.ts';
import type { IndexEntry } from '../../oci/image-index.ts';
import type { JsonValue } from '../../oci/json.ts';
import { referenceDigestAnnotation } from '../../oci/matcher.ts';
import { zstdAnnotation } from '../../oci/media-types.ts';
import { formatPlatform } from '../../oci/platform.ts';
import type { DiffVerdict, ImagesDiff } from '../../operations/diff-images.ts';
import type { DiffedImages, IndexChanges } from '../documents/diffs.ts';
import { visible } from './texts.ts';

/** Lines in the manner of `diff`: what `a` alone has behind "-", what `b` alone has behind "+", what both have behind "~". */
export function renderDiff(diff: ImagesDiff): string[] {
  const head = (['a', 'b'] as const).map(
    (side) => `${side === 'a' ? '---' : '+++'} ${diff[side].location.format()}  ${diff[side].manifest.digest}`,
  );
  return [...head.map(visible), ...renderChanges(diff), verdicts[diff.verdict] ?? summary(diff)];
}

const verdicts: Readonly<Partial<Record<DiffVerdict, string>>> = {
  identical: 'The same, byte for byte.',
  equal: 'They say the same; the bytes differ in white space or in the order of members.',
};

/** The changes alone; none where nothing differs. */
export function renderChanges({ index, instances, reordered }: IndexDiff): string[] {
  return [
    ...(index.length === 0 ? [] : ['~ index', ...index.flatMap(changeLines)]),
    ...instances.flatMap(instanceLines),
    ...(reordered ? ['~ order of the instances'] : []),
  ].map(visible);
}

function instanceLines(instance: InstanceDiff): string[] {
  switch (instance.change) {
    case 'added':
      return [`+ ${titleOf(instance, instance.b)}  ${instance.b.digest}`];
    case 'removed':
      return [`- ${titleOf(instance, instance.a)}  ${instance.a.digest}`];
    case 'changed': {
      const { changes } = instance;
      const told = changes.filter((change) => !goesWithoutSaying(instance, change));
      return [`~ ${titleOf(instance, instance.a)}`, ...(told.length === 0 ? changes : told).flatMap(changeLines)];
    }
    case 'same':
      return [];
  }
}

/** An attestation stands below its image, whose digest has just been told. */
function goesWithoutSaying({ role, platform }: InstanceDiff, { path }: MemberChange): boolean {
  return role === 'attestation' && platform !== undefined && path[1] === referenceDigestAnnotation;
}

function titleOf({ role, platform }: InstanceDiff, { annotations, artifactType = role }: IndexEntry): string {
  if (role === 'attestation') return platform === undefined ? role : `${formatPlatform(platform)} ${role}`;
  const version = platform?.['os.version'];
  return [
    ...(platform === undefined ? [] : [formatPlatform(platform)]),
    ...(version === undefined ? [] : [version]),
    ...(platform?.['os.features'] ?? []),
    ...(annotations?.[zstdAnnotation] === 'true' ? ['zstd'] : []),
    ...(role === 'image' && platform !== undefined ? [] : [artifactType]),
  ].join(' ');
}

function changeLines({ path, a, b }: MemberChange): string[] {
  const [first, ...rest] = path;
  const name = first === 'annotations' && rest.length > 0 ? `annotation ${rest.join('.')}` : path.join('.');
  return [
    ...(a === undefined ? [] : [`  - ${name}: ${textOf(a)}`]),
    ...(b === undefined ? [] : [`  + ${name}: ${textOf(b)}`]),
  ];
}

/** Characters of a value that are shown; an entry may have its whole content in it. */
const maxShown = 200;

function textOf(value: JsonValue): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length <= maxShown ? text : `${text.slice(0, maxShown)}...`;
}

function summary({ instances }: IndexDiff): string {
  const count = (kind: InstanceDiff['change']): number => instances.filter(({ change }) => change === kind).length;
  return `${count('changed')} changed, ${count('added')} added, ${count('removed')} removed, ${count('same')} the same`;
}

/** The result as data. */
export function diffDocument(diff: ImagesDiff): DiffedImages {
  const side = ({ location, manifest }: ImagesDiff['a']) => ({
    name: location.format(),
    digest: manifest.digest,
    mediaType: manifest.mediaType,
  });
  return { a: side(diff.a), b: side(diff.b), verdict: diff.verdict, ...changesDocument(diff) };
}

/** The changes alone, as data. */
export function changesDocument({ index, instances, reordered }: IndexDiff): IndexChanges {
  return {
    index,
    added: instances.flatMap((one) => (one.change === 'added' ? [{ ...nameOf(one), descriptor: one.b }] : [])),
    removed: instances.flatMap((one) => (one.change === 'removed' ? [{ ...nameOf(one), descriptor: one.a }] : [])),
    changed: instances.flatMap((one) =>
      one.change === 'changed' ? [{ ...nameOf(one), a: one.a, b: one.b, changes: one.changes }] : [],
    ),
    same: instances.filter(({ change }) => change === 'same').length,
    reordered,
  };
}

function nameOf({ role, platform }: InstanceDiff) {
  return { role, ...(platform === undefined ? {} : { platform: formatPlatform(platform) }) };
}
