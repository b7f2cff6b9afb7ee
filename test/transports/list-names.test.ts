/** What the images of a list are called in a docker archive. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Digest } from '../../src/oci/digest.ts';
import type { Platform } from '../../src/oci/platform.ts';
import { parseReference } from '../../src/oci/reference.ts';
import { nameImages, notesOf } from '../../src/transports/docker-archive/list-names.ts';
import type { ImageOfList } from '../../src/transports/transport.ts';

const ociConfig = 'application/vnd.oci.image.config.v1+json';
const digestOf = (character: string): Digest => `sha256:${character.repeat(64)}`;

function member(
  character: string,
  platform?: Platform,
  more: { config?: string; type?: string; of?: string } = {},
): ImageOfList {
  const annotations =
    more.of === undefined
      ? {}
      : { 'vnd.docker.reference.digest': digestOf(more.of), 'vnd.docker.reference.type': 'attestation-manifest' };
  return {
    entry: {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: digestOf(character),
      size: 1,
      annotations,
      ...(platform === undefined ? {} : { platform }),
    },
    config: { digest: digestOf(more.config ?? character), mediaType: more.type ?? ociConfig },
  };
}

const app = [parseReference('example.com/app:1.0')];
const linux = (architecture: string, variant?: string): Platform => ({
  os: 'linux',
  architecture,
  ...(variant === undefined ? {} : { variant }),
});
const windows = (version: string): Platform => ({ os: 'windows', architecture: 'amd64', 'os.version': version });
const suffixes = (members: ImageOfList[]) => nameImages(members, app, 'a.tar').map(({ suffix }) => suffix);

it('platforms become suffixes, versions of the system where nothing else tells images apart', () => {
  assert.deepEqual(suffixes([member('a', linux('arm64', 'v8'))]), ['']);
  assert.deepEqual(suffixes([member('a')]), ['']);
  assert.deepEqual(suffixes([member('a', linux('arm64', 'v8')), member('b', linux('arm', 'v7'))]), [
    '-linux-arm64-v8',
    '-linux-arm-v7',
  ]);
  assert.deepEqual(
    suffixes([member('a', windows('10.0.1')), member('b', windows('10.0.2')), member('c', linux('amd64'))]),
    ['-windows-amd64-10.0.1', '-windows-amd64-10.0.2', '-linux-amd64'],
  );
  assert.deepEqual(suffixes([member('a', windows('10.0.1')), member('b', linux('a+b'))]), [
    '-windows-amd64',
    '-linux-a_b',
  ]);
});

it('variants of an image are one, what cannot run is left out, and the plan says so', () => {
  const members = [
    member('a', linux('amd64')),
    member('b', linux('amd64'), { config: 'a' }),
    member('c', linux('arm64')),
    member('d', { os: 'unknown', architecture: 'unknown' }, { of: 'a' }),
    member('e', undefined, { type: 'application/vnd.oci.empty.v1+json' }),
  ];
  const images = nameImages(members, app, 'a.tar');
  assert.deepEqual(
    images.map(({ entry }) => entry.digest),
    [digestOf('a'), digestOf('c')],
  );
  assert.deepEqual(notesOf(members, images, app, 'a.tar'), [
    'a.tar keeps images and no lists: linux/amd64 as example.com/app:1.0-linux-amd64, linux/arm64 as example.com/app:1.0-linux-arm64',
    `a.tar has no place for attestation ${digestOf('d')}, artifact ${digestOf('e')}, left out`,
  ]);
  assert.match(notesOf(members, images, [], 'a.tar')[0] ?? '', /linux\/amd64 without a name/);
});

it('refuses two images with one tag, tags that cannot be made, and lists without images', () => {
  const twice = [member('a', linux('amd64')), member('b', linux('amd64'))];
  assert.throws(() => suffixes(twice), { code: 'TAGS_CLASH' });
  assert.equal(nameImages(twice, [], 'a.tar').length, 2);
  assert.throws(() => suffixes([member('a', linux('amd64')), member('b')]), { code: 'NO_PLATFORM_FOR_TAG' });
  assert.throws(() => suffixes([member('d', linux('amd64'), { of: 'a' })]), { code: 'NO_IMAGES' });
  assert.throws(() => suffixes([]), { code: 'NO_IMAGES' });
  const long = [parseReference(`example.com/app:${'x'.repeat(120)}`)];
  assert.throws(() => nameImages([member('a', linux('amd64')), member('b', linux('arm64', 'v8'))], long, 'a.tar'), {
    code: 'TAG_TOO_LONG',
  });
});
