/** Flags that several `manifest` commands share, and how their texts become values. */
import * as Flags from '@oclif/core/flags';
import { UsageError } from '../foundation/errors.ts';
import { parseAnnotation, parseAnnotationEdit } from '../oci/annotations.ts';
import type { Annotations } from '../oci/descriptor.ts';
import type { EntryChanges } from '../oci/edits.ts';
import { repeatable } from './flags.ts';

export const annotationFlag = {
  annotation: repeatable({ summary: 'Set an annotation.', helpValue: 'KEY=VALUE' }),
};

/** What can be said of an instance in the index. */
export const entryFlags = {
  os: Flags.string({ summary: 'Operating system of the instance.', helpValue: 'OS', helpGroup: 'PLATFORM' }),
  arch: Flags.string({ summary: 'Architecture of the instance.', helpValue: 'ARCH', helpGroup: 'PLATFORM' }),
  variant: Flags.string({ summary: 'Variant of the architecture.', helpValue: 'VARIANT', helpGroup: 'PLATFORM' }),
  'os-version': Flags.string({
    summary: 'Version of the operating system.',
    helpValue: 'VERSION',
    helpGroup: 'PLATFORM',
  }),
  'os-features': Flags.string({
    summary: 'Features of the operating system, separated by commas.',
    helpValue: 'FEATURES',
    helpGroup: 'PLATFORM',
    multiple: true,
    multipleNonGreedy: true,
  }),
  features: Flags.string({
    summary: 'CPU features, separated by commas (kept in Docker lists only).',
    helpValue: 'FEATURES',
    helpGroup: 'PLATFORM',
    multiple: true,
    multipleNonGreedy: true,
  }),
};

interface EntryFlagValues {
  os?: string | undefined;
  arch?: string | undefined;
  variant?: string | undefined;
  'os-version'?: string | undefined;
  'os-features'?: string[] | undefined;
  features?: string[] | undefined;
}

/** The fields that the flags set. An empty text sets nothing, as with the peers: `--variant "$VARIANT"` is for any VARIANT. */
export function entryChanges(flags: EntryFlagValues, annotations: Annotations = {}): EntryChanges {
  const osFeatures = splitCommas(flags['os-features'] ?? []);
  const features = splitCommas(flags.features ?? []);
  return {
    ...(flags.os ? { os: flags.os } : {}),
    ...(flags.arch ? { architecture: flags.arch } : {}),
    ...(flags.variant ? { variant: flags.variant } : {}),
    ...(flags['os-version'] ? { osVersion: flags['os-version'] } : {}),
    ...(osFeatures.length === 0 ? {} : { osFeatures }),
    ...(features.length === 0 ? {} : { features }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
}

/** The first of the flags in {@link entryFlags} that was given. */
export function firstEntryFlag(flags: EntryFlagValues): string | undefined {
  const names = ['os', 'arch', 'variant', 'os-version', 'os-features', 'features'] as const;
  return names.find((name) => flags[name] !== undefined);
}

/** `KEY=VALUE` texts to a map; later ones win. Throws UsageError. */
export function annotationsOf(texts: readonly string[] | undefined): Annotations {
  return Object.fromEntries((texts ?? []).map(parseAnnotation));
}

/** Texts of which `KEY-` asks for removal. Throws UsageError. */
export function annotationEditsOf(texts: readonly string[] | undefined): { set: Annotations; remove: string[] } {
  const edits = (texts ?? []).map(parseAnnotationEdit);
  return {
    set: Object.fromEntries(edits.flatMap((edit) => ('set' in edit ? [edit.set] : []))),
    remove: edits.flatMap((edit) => ('remove' in edit ? [edit.remove] : [])),
  };
}

function splitCommas(values: readonly string[]): string[] {
  return values.flatMap((value) => value.split(',')).filter((value) => value !== '');
}

/** Flags of the peers whose work sheaf does not do yet: they are refused, never ignored. */
export function notYet(flag: string): UsageError {
  return new UsageError(`--${flag} is not supported yet`, {
    code: 'NOT_YET',
    hint: `Leave --${flag} away, or use the peer tool for this step for now.`,
  });
}
