/** What a case of the comparison with buildah is made of. */

/**
 * Arguments after `manifest`. In them `{list}` stands for the list, `{id}` for its ID, `{dest}` for the tool's own repository
 * with `docker://` in front, `{dest-bare}` for that without, `{layout}` for the tool's own folder. Where the two must be told
 * differently, docs/adr/0004 has the reason.
 */
export type Command = readonly string[] | { readonly sheaf: readonly Line[]; readonly buildah: readonly Line[] };
type Line = readonly string[];

export interface Case {
  readonly name: string;
  readonly commands: readonly Command[];
  /**
   * What has to be equal: the bytes, or only every field, where sheaf keeps bytes that buildah formats anew
   * (docs/adr/0003).
   */
  readonly compare?: 'bytes' | 'fields';
}

/** The list that a case is about. */
export const list = '{list}';

/** Pushes it to where everything about it is compared. */
export const push = ['push', list, '{dest}:out'];
