import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NotFoundError } from '../../src/foundation/errors.ts';
import { chooseInstance } from '../../src/oci/choose-instance.ts';
import { digestOf } from '../../src/oci/digest.ts';
import type { ImageIndex, IndexEntry } from '../../src/oci/image-index.ts';
import { mediaTypes, zstdAnnotation } from '../../src/oci/media-types.ts';
import { type Platform, type PlatformChoice, wantedPlatforms } from '../../src/oci/platform.ts';

/** `os/arch[/variant]`, word for word; `-` is no platform. */
function platform(text: string): Platform {
  const [os = '', architecture = '', variant] = text.split('/');
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

function choiceOf(text: string): PlatformChoice {
  const [os, architecture, variant] = text.split('/');
  return { os, architecture, variant };
}

const text = ({ os, architecture, variant }: Platform): string => [os, architecture, variant].filter(Boolean).join('/');

// section "WantedPlatforms": what is asked for, on which host, what is tried
const wanted: ReadonlyArray<readonly [choice: string, host: string, tried: string[]]> = [
  // architecture left to the host: its variant counts
  ['', 'linux/amd64', ['linux/amd64']],
  ['', 'linux/arm/v7', ['linux/arm/v7', 'linux/arm/v6', 'linux/arm/v5', 'linux/arm']],
  ['', 'linux/arm64/v8', ['linux/arm64/v8', 'linux/arm64']],
  ['', 'linux/arm64', ['linux/arm64', 'linux/arm64/v8']],
  ['', 'linux/arm', ['linux/arm', 'linux/arm/v8', 'linux/arm/v7', 'linux/arm/v6', 'linux/arm/v5']],
  ['', 'linux/arm/v4', ['linux/arm/v4', 'linux/arm']],
  // given: it does not, even if it is that of the host
  ['/arm', 'linux/arm/v6', ['linux/arm', 'linux/arm/v8', 'linux/arm/v7', 'linux/arm/v6', 'linux/arm/v5']],
  ['/arm64', 'linux/arm64/v8', ['linux/arm64', 'linux/arm64/v8']],
  ['/amd64', 'linux/arm64/v8', ['linux/amd64']],
  // a variant in the table: that one, the less capable ones, none
  ['/arm/v8', 'linux/amd64', ['linux/arm/v8', 'linux/arm/v7', 'linux/arm/v6', 'linux/arm/v5', 'linux/arm']],
  ['/arm/v6', 'linux/amd64', ['linux/arm/v6', 'linux/arm/v5', 'linux/arm']],
  ['/arm/v5', 'linux/amd64', ['linux/arm/v5', 'linux/arm']],
  ['/arm64/v8', 'linux/amd64', ['linux/arm64/v8', 'linux/arm64']],
  // a variant that is not: exactly that one, none
  ['/arm64/v9', 'linux/amd64', ['linux/arm64/v9', 'linux/arm64']],
  ['/amd64/v3', 'linux/amd64', ['linux/amd64/v3', 'linux/amd64']],
  ['/arm/v4', 'linux/amd64', ['linux/arm/v4', 'linux/arm']],
  // a variant alone goes with the architecture of the host
  ['//v6', 'linux/arm/v7', ['linux/arm/v6', 'linux/arm/v5', 'linux/arm']],
  ['//v2', 'linux/amd64', ['linux/amd64/v2', 'linux/amd64']],
  // the system
  ['windows', 'linux/amd64', ['windows/amd64']],
  ['windows//', 'linux/arm/v7', ['windows/arm/v7', 'windows/arm/v6', 'windows/arm/v5', 'windows/arm']],
  // names are taken word for word, also those that every object has
  ['/x86_64', 'linux/amd64', ['linux/x86_64']],
  ['/constructor', 'linux/amd64', ['linux/constructor']],
];

for (const [choice, host, tried] of wanted) {
  test(`on ${host}, "${choice}" tries ${tried.join(', ')}`, () => {
    assert.deepEqual(wantedPlatforms(choiceOf(choice), platform(host)).map(text), tried);
  });
}

function entry(name: string, annotations?: Record<string, string>): IndexEntry {
  const [where = ''] = name.split('#');
  return {
    mediaType: mediaTypes.ociManifest,
    digest: digestOf(Buffer.from(name + JSON.stringify(annotations ?? {}))),
    size: name.length,
    ...(where === '-' ? {} : { platform: platform(where) }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

const oci = (manifests: IndexEntry[]): ImageIndex => ({ mediaType: mediaTypes.ociIndex, manifests });
const docker = (manifests: IndexEntry[]): ImageIndex => ({ mediaType: mediaTypes.dockerList, manifests });
const host = platform('linux/amd64');

// what is there, what is asked for, which of them it is (position), undefined for none
const matches: ReadonlyArray<readonly [there: string[], choice: string, at: number | undefined]> = [
  [['linux/amd64', 'linux/arm64'], '/arm64', 1],
  [['linux/amd64', 'linux/arm64/v8'], '/arm64', 1],
  [['linux/arm64/v8', 'linux/arm64'], '/arm64', 1],
  [['linux/arm64', 'linux/arm64/v8'], '/arm64/v8', 1],
  [['linux/arm64'], '/arm64/v8', 0],
  [['linux/arm64/v8'], '/arm64/v9', undefined],
  [['linux/arm64'], '/arm64/v9', 0],
  [['linux/arm/v7'], '/arm/v6', undefined],
  [['linux/arm/v7'], '/arm/v8', 0],
  [['linux/arm/v5', 'linux/arm/v6'], '/arm/v7', 1],
  [['linux/arm/v5', 'linux/arm/v7', 'linux/arm/v8'], '/arm', 2],
  [['linux/amd64'], '/amd64/v3', 0],
  [['linux/amd64/v2'], '/amd64', undefined],
  [['linux/386'], '/amd64', undefined],
  [['linux/amd64'], '/386', undefined],
  [['linux/amd64'], '/x86_64', undefined],
  [['Linux/amd64', 'linux/AMD64'], '', undefined],
  [['windows/amd64'], '', undefined],
  [['windows/amd64'], 'windows', 0],
  [['linux/amd64#1', 'linux/amd64#2'], '', 0],
  [['unknown/unknown', 'linux/amd64'], '', 1],
  [['unknown/unknown'], 'unknown/unknown', 0],
  [[], '', undefined],
];

for (const [there, choice, at] of matches) {
  for (const index of [oci(there.map((name) => entry(name))), docker(there.map((name) => entry(name)))]) {
    test(`"${choice}" of [${there.join(', ')}] in ${index.mediaType.includes('oci') ? 'an OCI index' : 'a Docker list'}`, () => {
      if (at === undefined) {
        assert.throws(() => chooseInstance(index, choiceOf(choice), host), { code: 'NO_IMAGE_FOR_PLATFORM' });
      } else assert.equal(chooseInstance(index, choiceOf(choice), host), index.manifests[at]);
    });
  }
}

test('version and features of the system play no part', () => {
  const windows = {
    ...entry('windows/amd64'),
    platform: { ...platform('windows/amd64'), 'os.version': '10', 'os.features': ['x'] },
  };
  assert.equal(chooseInstance(oci([windows, entry('windows/amd64#2')]), { os: 'windows' }, host), windows);
});

test('an entry without platform matches anything in an OCI index, after all others; nothing in a Docker list', () => {
  const [bare, match] = [entry('-'), entry('linux/amd64')];
  assert.equal(chooseInstance(oci([bare, match]), {}, host), match);
  assert.equal(chooseInstance(oci([bare, entry('-#2'), entry('linux/arm64')]), {}, host), bare);
  assert.throws(() => chooseInstance(docker([bare]), {}, host), { code: 'NO_IMAGE_FOR_PLATFORM' });
});

test('an artifact stands for no platform that is asked for or that others tell; what else is there stands for itself', () => {
  const artifact: IndexEntry = { ...entry('-'), artifactType: 'text/plain' };
  const unknown: IndexEntry = { ...entry('-#2'), mediaType: 'application/x-thing' };
  const absent = { code: 'NO_IMAGE_FOR_PLATFORM' };
  for (const one of [artifact, unknown]) {
    for (const choice of [{ os: 'linux' }, { architecture: 'zz' }, { variant: 'v8' }]) {
      assert.throws(() => chooseInstance(oci([one]), choice, host), absent);
    }
    assert.throws(() => chooseInstance(oci([one, entry('linux/arm64')]), {}, host), absent);
    assert.equal(chooseInstance(oci([one]), {}, host), one);
  }
  const bare = entry('-#3');
  assert.equal(chooseInstance(oci([artifact, unknown, bare]), { os: 'linux', architecture: 'zz' }, host), bare);
});

const zstd = { [zstdAnnotation]: 'true' };

test('among entries of one platform zstd wins, or gzip if that is preferred; a better platform beats both', () => {
  const [gzip, second, compressed] = [entry('linux/amd64'), entry('linux/amd64#2'), entry('linux/amd64', zstd)];
  const index = oci([gzip, compressed, second, entry('linux/amd64#3', zstd)]);
  assert.equal(chooseInstance(index, {}, host), compressed);
  assert.equal(chooseInstance(index, {}, host, { preferGzip: false }), compressed);
  assert.equal(chooseInstance(index, {}, host, { preferGzip: true }), gzip);
  const better = entry('linux/arm/v7');
  const worse = entry('linux/arm/v6', zstd);
  assert.equal(chooseInstance(oci([worse, better]), { architecture: 'arm', variant: 'v7' }, host), better);
  assert.equal(chooseInstance(oci([entry('-', zstd), gzip]), {}, host), gzip);
});

test('any other value of the annotation is not zstd', () => {
  const [gzip, other] = [entry('linux/amd64'), entry('linux/amd64', { [zstdAnnotation]: 'TRUE' })];
  assert.equal(chooseInstance(oci([gzip, other]), {}, host), gzip);
  assert.equal(chooseInstance(oci([other, gzip]), {}, host, { preferGzip: true }), other);
});

test('a Docker list has no annotations that could count', () => {
  const [gzip, compressed] = [entry('linux/amd64'), entry('linux/amd64', zstd)];
  assert.equal(chooseInstance(docker([gzip, compressed]), {}, host), gzip);
  assert.equal(chooseInstance(docker([compressed, gzip]), {}, host, { preferGzip: true }), compressed);
});

test('the message is that of the peers, the hint says what is there', () => {
  const index = oci([
    entry('linux/arm64/v8'),
    entry('linux/arm64/v8#2'),
    entry('windows/amd64'),
    entry('unknown/unknown', { 'vnd.docker.reference.type': 'attestation-manifest' }),
  ]);
  const thrown = (run: () => unknown): NotFoundError => {
    try {
      run();
    } catch (error) {
      if (error instanceof NotFoundError) return error;
    }
    throw new Error('nothing thrown');
  };
  const error = thrown(() => chooseInstance(index, { architecture: 'arm', variant: 'v7' }, host));
  assert.equal(error.message, 'no image found in image index for architecture "arm", variant "v7", OS "linux"');
  assert.equal(error.hint, 'It has linux/arm64/v8, windows/amd64.');
  const none = thrown(() => chooseInstance(docker([]), {}, host));
  assert.equal(none.message, 'no image found in manifest list for architecture "amd64", variant "", OS "linux"');
  assert.equal(none.hint, 'The manifest list names no platforms.');
});
