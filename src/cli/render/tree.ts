/** A tree of an image as a picture in text. */
import type { TreeNode } from '../../operations/describe-tree.ts';
import { formatBytes, visible } from './texts.ts';

/** Lines of the picture, root first. */
export function renderTree(name: string, root: TreeNode): string[] {
  return [
    `${name}  ${describe(root)}`,
    ...details(root, root.children.length > 0 ? '│  ' : '   '),
    ...below(root, ''),
  ].map(visible);
}

function below(node: TreeNode, indent: string): string[] {
  return node.children.flatMap((child, at) => {
    const last = at === node.children.length - 1;
    const deeper = `${indent}${last ? '   ' : '│  '}`;
    const inner = child.children.length > 0 ? `${deeper}│  ` : `${deeper}   `;
    return [
      `${indent}${last ? '└─ ' : '├─ '}${title(child)}  ${describe(child)}`,
      ...details(child, inner),
      ...below(child, deeper),
    ];
  });
}

function title(node: TreeNode): string {
  if (node.role === 'missing') return node.platform === undefined ? 'missing' : `${node.platform} (missing)`;
  if (node.platform !== undefined && node.role !== 'attestation') return node.platform;
  return node.role;
}

function describe(node: TreeNode): string {
  const kind = node.artifactType ?? shortType(node.mediaType);
  return `${shortDigest(node.digest)}  ${kind}  ${formatBytes(node.size)}`;
}

function details(node: TreeNode, indent: string): string[] {
  return [
    ...(node.problem === undefined ? [] : [`${indent}! ${node.problem}`]),
    ...Object.entries(node.annotations ?? {}).map(([key, value]) => `${indent}${key}=${value}`),
  ];
}

function shortDigest(digest: string): string {
  return digest.replace(/^(sha\d+:[0-9a-f]{12})[0-9a-f]+$/, '$1');
}

const names: ReadonlyArray<readonly [RegExp, string]> = [
  [/^application\/vnd\.oci\.image\.index\.v1\+json$/, 'OCI index'],
  [/^application\/vnd\.oci\.image\.manifest\.v1\+json$/, 'OCI manifest'],
  [/^application\/vnd\.oci\.image\.config\.v1\+json$/, 'OCI config'],
  [/^application\/vnd\.oci\.image\.layer\.v1\.tar$/, 'tar'],
  [/^application\/vnd\.oci\.image\.layer\.v1\.tar\+(\w+)$/, 'tar+$1'],
  [/^application\/vnd\.docker\.distribution\.manifest\.list\.v2\+json$/, 'Docker list'],
  [/^application\/vnd\.docker\.distribution\.manifest\.v2\+json$/, 'Docker manifest'],
  [/^application\/vnd\.docker\.container\.image\.v1\+json$/, 'Docker config'],
  [/^application\/vnd\.docker\.image\.rootfs\.diff\.tar(?:\.(\w+))?$/, 'tar $1'],
];

function shortType(mediaType: string): string {
  for (const [pattern, name] of names) {
    if (pattern.test(mediaType)) return mediaType.replace(pattern, name).trim();
  }
  return mediaType;
}
