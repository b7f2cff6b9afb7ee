import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { createBudget, type Turn } from '../../src/compression/budget.ts';
import { peerGzip, peerGzipJobBytes } from '../../src/compression/peer-gzip.ts';
import { recompress } from '../../src/compression/recompress.ts';
import { type InputKind, peerGzipInput } from './peer-gzip-inputs.ts';
import { collect, inPieces, readableOf } from './support.ts';

/** Kind and size of an input, whose seed is its number in the list, and what skopeo and podman make of it. */
const known: ReadonlyArray<readonly [InputKind, number, string]> = [
  ['sample', 0, '56061a2727129d03575feb70ff7d610c6b1fdc7d35159ec124ab237823ee68bd'],
  ['sample', 1, '3761a7115a08e3f0bdae3b48fcc5614a75ae1368f8679c1ec3e48ef191820f03'],
  ['noise', 32, '18a9668d5ec5b39330a9668508f54ce074ba0b06e34b52069938be9c549afff0'],
  ['words', 33, '92ad08103a5e46533fc50d88a25f2948611bbe65099e3d3eff90040f47f22272'],
  ['few', 127, '22d5a1dd51d2977c3649d8c6e076134d2d760e23f4bb62ef643037a946e69252'],
  ['noise', 128, '8e6b9fef312c03f930b3901398814661235511cd8107f6faee0a3e8dc6e67c0f'],
  ['words', 128, '58e5074c24b014f16b3025153da69644f1743e5403ab6808bd63a8a14509ee61'],
  ['few', 200, '650d4609cb7859707e07fabb8fcd359998a3a00bfb6dc43f2f1273b99c7d5dff'],
  ['sample', 1000, 'cade3e21151fe65ca8cf88a8fc7972b3a7b6fc49fa5289292d809c8dc4fd2c7a'],
  ['skewed', 1025, 'fcee25f8348d62f52fb02741742d0004ec7c2afa9a134b272e9ac292a07624d4'],
  ['words', 5000, '4c63c6ada73bde25b7d6ee93ba078c4f6a157ba92c0542162e626fb0dac7d621'],
  ['noise', 65535, '5c86743f1a203b8774907a72d1a7decd2ed6041a55cb4ebf1eec9393b7b9b6dd'],
  ['noise', 65536, 'e7e5b1f076dd060e8c0e06fa1181b34f71c09c3fe2c488626cbf113a70d18382'],
  ['words', 65567, 'f9138e304962b020bc276621b41874361ec4a67fa1203d2fb2f23313699cb466'],
  ['words', 65568, '590b782d4925dfd7e634ed616a70bbfc0324f5ebba11a2c2d6aa039d197af225'],
  ['few', 65663, '3855d16a2fa755c15344f9d229389ca56fd3c088a212502b8a8ec35c61c557fb'],
  ['few', 131070, '2a4303ccf4ed2dc37fa7663caf15a6b8831dbb50a8de20418e2bb1e293a676be'],
  ['zeros', 196605, '631967197101eee779654ee3d1074bb4eaa95e077c953c7b8593252914d0d6e1'],
  ['skewed', 300000, '7f17b704bf200485cb322b88bc70c8928d8ff84946d01298ab7e4b17eafada09'],
  ['records', 400000, 'bf018a761d257c206e27dfc228fc8cdbff01d3ad4414f37ae447b1f72a0d5a70'],
  ['sample', 1048575, 'b64e8c5a7eb3d07ccea79e5a93c6c9d6eb43fa21448b6a4dbe835ec7c6dae58a'],
  ['sample', 1048576, '1deaa656f55fe8091588fc0f1116f03d5bf382b9a4c5049f07cec886f13d604f'],
  ['words', 1048577, 'eed51598ec521e2337080c14a0d6940b7129830ddcde08cadedc745ac5160544'],
  ['zeros', 1048609, '794a8efdac76b5e4ed6648dabb6083ed189088f5168c6b0d2f23fa7149545d77'],
  ['skewed', 1048704, '1ef42ca4b3323176afdc673fe8c2e5b9148c3deb185e5c6307fac94ed532ddc7'],
  ['few', 2097152, '100a0118a3416c1d1b878f88e6423254ddd78a26db20f155d797026d3aca9c3a'],
  ['noise', 2097157, '195fb3a1c7e8c6c223c48d27d47b8a9506e3bb460254d01800bb2672526f2ae1'],
  ['words', 3145728, '1c819fed2be7188ec847431d0d4359c1abf16fa9661fbbe6915a6e4cc62e7b17'],
  ['records', 3145805, '742f1e4806961f37bc88e224044ac1ad7f57ddd0030ca0bd06bae77845746fc9'],
  ['zeros', 4194304, '3834bdcbe9865c8e62525fc68baf66ba9a97086434469da6ce0e28b95d5c6728'],
  ['sample', 5247201, '7f9ddff0f8c5313ccb12b2410db22922d101895cfacfd1815b4ff14ff39dc82b'],
  ['skewed', 5242880, '0dba09f3ba5dbad90f827234a5443daaf0c851cc5ac8458321c8017a5bfa27ff'],
];

function turnFor(lanes: number): Promise<Turn> {
  return createBudget({ memory: lanes * peerGzipJobBytes }).enter(peerGzipJobBytes);
}

const compressed = (plain: Buffer, turn: Turn, piece = 100_003): Promise<Buffer> =>
  collect(
    peerGzip(
      inPieces(plain, () => piece),
      turn,
    ),
  );

const digestOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

test('every input has the bytes that the peers give it', async () => {
  // one compressor serves one layer after the other
  const turn = await turnFor(2);
  for (const [at, [kind, size, digest]] of known.entries()) {
    const plain = peerGzipInput(kind, size, at + 1);
    const bytes = await compressed(plain, turn);
    assert.equal(digestOf(bytes), digest, `${kind} of ${size}`);
    assert.ok(gunzipSync(bytes).equals(plain));
  }
  turn.leave();
});

test('the bytes do not depend on threads, nor on how the input comes', async () => {
  const plain = peerGzipInput('sample', (2 << 20) + 5, 7);
  const digests = new Set<string>();
  for (const [lanes, piece] of [
    [1, 65_536],
    [3, 70_001],
    [3, 1 << 22],
  ] as const) {
    const turn = await turnFor(lanes);
    digests.add(digestOf(await compressed(plain, turn, piece)));
    turn.leave();
  }
  assert.equal(digests.size, 1);
});

test('a reader that stops, and a source that fails, leave no thread behind', async () => {
  const plain = peerGzipInput('words', 4 << 20, 3);
  const stopped = await recompress(readableOf(plain), { format: 'gzip', asPeers: true });
  stopped.stream.once('data', () => stopped.stream.destroy());
  await assert.rejects(stopped.done);
  const failing = async function* (): AsyncGenerator<Uint8Array> {
    yield plain.subarray(0, 3 << 20);
    throw new Error('gone');
  };
  const turn = await turnFor(2);
  await assert.rejects(collect(peerGzip(failing(), turn)), /gone/);
  turn.leave();
  // threads that are left keep the process of this test from its end
});

test('a level asks for zlib', async () => {
  const plain = peerGzipInput('words', 300_000, 4);
  const digests = [];
  for (const options of [{}, { asPeers: true }, { asPeers: true, level: 4 }, { level: 4 }]) {
    const { stream, done } = await recompress(readableOf(plain), { format: 'gzip', ...options });
    assert.ok(gunzipSync(await collect(stream)).equals(plain));
    digests.push((await done).digest);
  }
  const [without, asPeers, both, level] = digests;
  assert.notEqual(asPeers, level);
  assert.deepEqual([without, both], [level, level]);
});
