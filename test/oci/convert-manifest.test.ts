import assert from 'node:assert/strict';
import { test } from 'node:test';
import { convertImageManifest } from '../../src/oci/convert-manifest.ts';
import { encodeImageManifest, type ImageManifest, parseImageManifest } from '../../src/oci/manifest.ts';
import { emptyDescriptor, mediaTypes } from '../../src/oci/media-types.ts';
import { deepFreeze, digest, foreign, raw, thrownBy } from './support.ts';

const t = mediaTypes;

function oci(layers: readonly string[], more: Partial<ImageManifest> = {}): ImageManifest {
  return {
    mediaType: t.ociManifest,
    config: { mediaType: t.ociConfig, digest: digest('config'), size: 6 },
    layers: layers.map((mediaType, at) => ({ mediaType, digest: digest(`layer ${at}`), size: at })),
    ...more,
  };
}

function docker(layers: readonly string[], more: Partial<ImageManifest> = {}): ImageManifest {
  return {
    ...oci(layers),
    mediaType: t.dockerManifest,
    config: { ...oci([]).config, mediaType: t.dockerConfig },
    ...more,
  };
}

const pairs: ReadonlyArray<readonly [oci: string, docker: string]> = [
  [t.ociLayerTar, t.dockerLayerTar],
  [t.ociLayerGzip, t.dockerLayerGzip],
  [t.ociNondistributableTar, t.dockerForeignTar],
  [t.ociNondistributableGzip, t.dockerForeignGzip],
];

for (const [ociType, dockerType] of pairs) {
  test(`${ociType} is ${dockerType}, both ways`, () => {
    assert.deepEqual(convertImageManifest(oci([ociType]), t.dockerManifest), {
      manifest: docker([dockerType]),
      losses: [],
    });
    assert.deepEqual(convertImageManifest(docker([dockerType]), t.ociManifest), {
      manifest: oci([ociType]),
      losses: [],
    });
  });
}

test('layers that already have a type of the other format stay', () => {
  const mixed = pairs.flat();
  assert.deepEqual(
    convertImageManifest(oci(mixed), t.dockerManifest).manifest.layers.map((layer) => layer.mediaType),
    pairs.flatMap(([, dockerType]) => [dockerType, dockerType]),
  );
  assert.deepEqual(
    convertImageManifest(docker(mixed), t.ociManifest).manifest.layers.map((layer) => layer.mediaType),
    pairs.flatMap(([ociType]) => [ociType, ociType]),
  );
  const configs = convertImageManifest({ ...oci([]), config: docker([]).config }, t.dockerManifest);
  assert.equal(configs.manifest.config.mediaType, t.dockerConfig);
});

test('zstd that Docker should not have becomes what OCI has', () => {
  for (const type of [t.dockerLayerZstd, t.ociLayerZstd]) {
    assert.equal(convertImageManifest(docker([type]), t.ociManifest).manifest.layers[0]?.mediaType, t.ociLayerZstd);
  }
});

test('a manifest of that type already is given back as it is', () => {
  const artifact = oci(['application/x'], { config: emptyDescriptor, artifactType: 'application/y' });
  assert.equal(convertImageManifest(artifact, t.ociManifest).manifest, artifact);
  const image = docker([t.dockerLayerZstd]);
  assert.equal(convertImageManifest(image, t.dockerManifest).manifest, image);
});

test('OCI to Docker: every loss is named; urls, digests, sizes and unknown members stay', () => {
  const manifest = deepFreeze(
    oci([t.ociLayerGzip, t.ociLayerTar], {
      config: { ...oci([]).config, annotations: { c: '1' }, data: 'e30=', unknown: { 'x-config': 1 } },
      layers: [
        {
          mediaType: t.ociLayerGzip,
          digest: digest('layer 0'),
          size: 0,
          urls: ['u'],
          annotations: { a: '1', b: '2' },
          artifactType: 'x',
          platform: { architecture: 'a', os: 'o' },
        },
        { mediaType: t.ociLayerTar, digest: digest('layer 1'), size: 1 },
      ],
      annotations: { m: '1' },
      artifactType: 'application/t',
      subject: { mediaType: t.ociManifest, digest: digest('s'), size: 1 },
      unknown: { 'x-top': 1 },
    }),
  );
  const { manifest: converted, losses } = convertImageManifest(manifest, t.dockerManifest);
  const layer = `layer 1 (${digest('layer 0')})`;
  assert.deepEqual(losses, [
    'the manifest: no place in a Docker manifest for the annotation "m"',
    'the manifest: no place in a Docker manifest for the artifact type "application/t"',
    `the manifest: no place in a Docker manifest for the subject ${digest('s')}`,
    'the config: no place in a Docker manifest for the annotation "c"',
    'the config: no place in a Docker manifest for the embedded content',
    `${layer}: no place in a Docker manifest for the annotations "a", "b"`,
    `${layer}: no place in a Docker manifest for the artifact type "x"`,
    `${layer}: no place in a Docker manifest for the platform`,
  ]);
  assert.deepEqual(converted, {
    mediaType: t.dockerManifest,
    config: { ...docker([]).config, unknown: { 'x-config': 1 } },
    layers: [
      { mediaType: t.dockerLayerGzip, digest: digest('layer 0'), size: 0, urls: ['u'] },
      { mediaType: t.dockerLayerTar, digest: digest('layer 1'), size: 1 },
    ],
    unknown: { 'x-top': 1 },
  });
});

test('Docker to OCI: the config keeps its digest; members that Docker does not have do not become those of OCI', () => {
  const manifest = docker([], {
    layers: [{ mediaType: t.dockerLayerGzip, digest: digest('l'), size: 1, unknown: { annotations: 5, 'x-kept': 1 } }],
    unknown: { annotations: 6, subject: 7 },
  });
  const { manifest: converted, losses } = convertImageManifest(manifest, t.ociManifest);
  assert.deepEqual(losses, [
    'the manifest: no place in an OCI manifest for the members "annotations", "subject" of the other format',
    `layer 1 (${digest('l')}): no place in an OCI manifest for the member "annotations" of the other format`,
  ]);
  assert.deepEqual(converted, {
    mediaType: t.ociManifest,
    config: oci([]).config,
    layers: [{ mediaType: t.ociLayerGzip, digest: digest('l'), size: 1, unknown: { 'x-kept': 1 } }],
  });
});

const refused: ReadonlyArray<readonly [manifest: ImageManifest, to: 'docker' | 'oci', code: string, message: RegExp]> =
  [
    [
      oci([t.ociLayerGzip, t.ociLayerZstd]),
      'docker',
      'ZSTD_IN_DOCKER',
      /zstd compression is not officially supported for docker images/,
    ],
    [oci([t.ociNondistributableZstd]), 'docker', 'ZSTD_IN_DOCKER', /zstd/],
    [oci([t.dockerLayerZstd]), 'docker', 'ZSTD_IN_DOCKER', /zstd/],
    [
      oci([`${t.ociLayerGzip}+encrypted`]),
      'docker',
      'ENCRYPTED_LAYER',
      /encrypted layers are not supported for docker images/,
    ],
    [oci([`${t.ociLayerZstd}+encrypted`]), 'docker', 'ENCRYPTED_LAYER', /encrypted/],
    [
      oci([t.inToto]),
      'docker',
      'UNKNOWN_LAYER_TYPE',
      /^unknown media type during manifest conversion: "application\/vnd\.in-toto\+json"$/,
    ],
    [oci(['application/vnd.wasm.content.layer.v1+wasm']), 'docker', 'UNKNOWN_LAYER_TYPE', /wasm/],
    [docker(['application/x']), 'oci', 'UNKNOWN_LAYER_TYPE', /"application\/x"/],
    [
      oci([], { config: emptyDescriptor, artifactType: 'application/y' }),
      'docker',
      'NOT_AN_IMAGE',
      /^an artifact of type application\/y cannot/,
    ],
    [
      oci([], { config: { ...emptyDescriptor, mediaType: 'application/vnd.cncf.helm.config.v1+json' } }),
      'docker',
      'NOT_AN_IMAGE',
      /^a manifest with a config of type application\/vnd\.cncf\.helm\.config\.v1\+json cannot be converted to application\/vnd\.docker/,
    ],
    [
      docker([], { config: { ...emptyDescriptor, mediaType: 'application/vnd.docker.plugin.v1+json' } }),
      'oci',
      'NOT_AN_IMAGE',
      /plugin/,
    ],
  ];

for (const [manifest, to, code, message] of refused) {
  test(`refused: ${manifest.layers.at(-1)?.mediaType ?? manifest.config.mediaType} to ${to}`, () => {
    const error = thrownBy(() => convertImageManifest(manifest, to === 'oci' ? t.ociManifest : t.dockerManifest));
    assert.deepEqual([error.kind, error.code], ['unsupported', code]);
    assert.match(error.message, message);
    assert.ok((error.hint ?? '') !== '');
  });
}

test('in-toto statements are called by their name', () => {
  assert.match(thrownBy(() => convertImageManifest(oci([t.inToto]), t.dockerManifest)).hint ?? '', /attestation/);
});

test('to Docker the very bytes of skopeo, and from there to OCI all but the config that skopeo writes anew', () => {
  const source = parseImageManifest(raw(foreign('image-oci.json'), t.ociManifest));
  const { manifest, losses } = convertImageManifest(source, t.dockerManifest);
  assert.equal(Buffer.from(encodeImageManifest(manifest).bytes).toString(), foreign('image-docker.json'));
  assert.deepEqual(losses, [
    'the manifest: no place in a Docker manifest for the annotation "manifest.note"',
    `layer 1 (${source.layers[0]?.digest}): no place in a Docker manifest for the annotation "layer.note"`,
  ]);
  const back = convertImageManifest(manifest, t.ociManifest);
  const theirs = parseImageManifest(raw(foreign('image-oci-again.json'), t.ociManifest));
  assert.notEqual(theirs.config.digest, source.config.digest);
  assert.equal(back.manifest.config.digest, source.config.digest);
  assert.deepEqual(
    encodeImageManifest({ ...back.manifest, config: theirs.config }),
    raw(foreign('image-oci-again.json'), t.ociManifest),
  );
});
