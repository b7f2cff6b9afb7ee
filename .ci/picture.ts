/**
 * Draws docs/images/push.svg: what a terminal shows of a push. The list, the registry, the plan and the drawing on the
 * terminal are real; the line to the registry is one of 12 MB/s on a clock that is wound by hand, so that the picture is the
 * same on every machine. Usage: node .ci/picture.ts
 */
import { createCipheriv } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixtureImage, pushFixtureImage } from '../fixtures/images.ts';
import { createTtyPainter } from '../src/cli/render/tty-painter.ts';
import type { CopyPlan, CopyStep } from '../src/copy/plan.ts';
import { describePlan, describeStep } from '../src/copy/step-texts.ts';
import { createRegistryPool, createSession, Store } from '../src/index.ts';
import { createList } from '../src/operations/create-list.ts';
import { pushList } from '../src/operations/push-list.ts';
import { startRegistry } from '../src/registry-server/index.ts';
import { locate } from '../src/transports/image-names.ts';
import { type Cell, fakeTerminal } from '../test/support/terminal.ts';

const columns = 86;
const rows = 12;
const frameMs = 120;
const lineRate = 12e6;
const parallel = 12;

const { plan, digest } = await planOfDemo();
const frames = record(plan);
const target = join(import.meta.dirname, '..', 'docs', 'images', 'push.svg');
await mkdir(join(target, '..'), { recursive: true });
await writeFile(target, svgOf(frames));

/** A release of four platforms that shares layers with what is in the registry already. */
async function planOfDemo(): Promise<{ plan: CopyPlan; digest: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'sheaf-picture-'));
  const [from, to] = await Promise.all([startRegistry({ storage: 'memory' }), startRegistry({ storage: 'memory' })]);
  const session = createSession();
  const registries = createRegistryPool(
    session,
    { tlsVerify: false, retry: { maxRetries: 0 }, env: {} },
    async () => undefined,
  );
  const store = Store.open(join(folder, 'store'));
  try {
    const platforms = ['amd64', 'arm64', 'ppc64le', 's390x'].map((architecture) => ({ os: 'linux', architecture }));
    const imageOf = (at: number, layers: readonly number[]) => {
      const platform = platforms[at] ?? { os: 'linux', architecture: 'amd64' };
      const size = (layer: number): number => ([1.3, 7.5, 4.1][layer] ?? 1) * (1 + at / 7);
      return fixtureImage({
        platform,
        layers: layers.map((layer) => ({ 'opt/app/data': noise(size(layer), `${platform.architecture}${layer}`) })),
      });
    };
    const names: string[] = [];
    for (const [at, { architecture }] of platforms.entries()) {
      // one was built where the list goes: its blobs are mounted
      const registry = architecture === 's390x' ? to : from;
      await pushFixtureImage(registry.url, 'build/app', await imageOf(at, [0, 1, 2]), architecture);
      names.push(`docker://${registry.host}/build/app:${architecture}`);
    }
    // the release before this one had the same first layers
    await pushFixtureImage(to.url, 'me/app', await imageOf(0, [0, 1]), '0.9');
    const env = {
      session,
      registries,
      store: () => store,
      locate,
      host: { os: 'linux', architecture: 'amd64' },
    };
    const list = await createList(env, {
      name: 'app:1.0',
      images: names.map(locate),
      taking: { one: {} },
      annotations: {},
      ifExists: 'fail',
    });
    const pushed = await pushList(env, {
      list: list.id,
      destination: locate(`docker://${to.host}/me/app:1.0`),
      select: 'all',
      unselected: 'keep',
      tags: [],
      require: [],
      dryRun: true,
    });
    return { plan: pushed.plan, digest: 'digest' in pushed.plan.root ? pushed.plan.root.digest : '' };
  } finally {
    store.close();
    await registries[Symbol.asyncDispose]();
    await Promise.all([from.close({ graceMs: 0 }), to.close({ graceMs: 0 })]);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Bytes that no compression makes smaller, the same on every run. */
function noise(megabytes: number, seed: string): Uint8Array {
  const cipher = createCipheriv('aes-128-ctr', seed.padEnd(16, '.').slice(0, 16), Buffer.alloc(16));
  return cipher.update(Buffer.alloc(Math.round(megabytes * 1e6)));
}

/** What stands on the terminal at each moment of the push. */
function record({ steps, bytes, ...rest }: CopyPlan): Cell[][][] {
  const terminal = fakeTerminal(columns, rows);
  let now = 0;
  const timers = new Set<() => void>();
  const painter = createTtyPainter(terminal.stream, {
    now: () => now,
    env: { LANG: 'C.UTF-8' },
    every: (_, work) => {
      timers.add(work);
      return () => timers.delete(work);
    },
  });
  const taken: Cell[][][] = [];
  const take = (): void => {
    for (const work of timers) work();
    taken.push(terminal.cells().map((row) => [...row]));
  };
  terminal.stream.write('$ sheaf manifest push app:1.0 docker://quay.io/me/app:1.0\n');
  for (let at = 0; at < 5; at += 1) take();
  painter.handle({ type: 'plan', title: describePlan({ steps, bytes, ...rest }), steps: steps.length, bytes });
  const waiting = [...steps];
  const done = new Set<string>();
  const moving = new Map<string, { step: CopyStep; left: number }>();
  const begin = (step: CopyStep): void => {
    const size = 'blob' in step ? step.blob.size : 0;
    painter.handle({ type: 'step-start', id: step.id, label: describeStep(step), bytes: size });
    if (step.kind === 'copy') moving.set(step.id, { step, left: size });
    else end(step);
  };
  const end = (step: CopyStep): void => {
    const outcome = (
      { copy: 'copied', mount: 'mounted', reuse: 'reused' } as Partial<Record<string, 'copied' | 'mounted' | 'reused'>>
    )[step.kind];
    done.add(step.id);
    painter.handle({ type: 'step-end', id: step.id, outcome: outcome ?? 'written' });
  };
  while (done.size < steps.length) {
    for (const step of [...waiting]) {
      if (!step.needs.every((id) => done.has(id)) || (step.kind === 'copy' && moving.size >= parallel)) continue;
      waiting.splice(waiting.indexOf(step), 1);
      begin(step);
    }
    now += frameMs;
    const share = (lineRate * frameMs) / 1000 / Math.max(1, moving.size);
    for (const [id, entry] of moving) {
      const sent = Math.round(Math.min(share, entry.left));
      painter.handle({ type: 'step-progress', id, bytes: sent });
      entry.left -= sent;
      if (entry.left > 0) continue;
      moving.delete(id);
      end(entry.step);
    }
    take();
  }
  terminal.stream.write(`${digest}\n$ `);
  take();
  return taken;
}

/** A film: the frames stand below each other and move past a window. Where nothing moves, the last one is seen. */
function svgOf(shots: readonly Cell[][][]): string {
  const [cell, line, pad] = [8.4, 19, 14];
  const height = rows * line + 2 * pad;
  const width = Math.ceil(columns * cell + 2 * pad);
  const moving = shots.length * frameMs;
  const whole = moving + 3500;
  const last = -(shots.length - 1) * height;
  const pictures = shots.map((shot, at) => {
    const marks = shot.flatMap((row, y) => rowOf(row, pad, at * height + pad + y * line, cell, line));
    return `<g>${marks.join('')}</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="sheaf manifest push in a terminal">`,
    '<style>',
    'text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d6dbe1;white-space:pre}',
    '.d{fill:#8b949e}.b{fill:#39c5cf}.r{fill:#3d444d}',
    `.f{transform:translateY(${last}px);animation:f ${whole}ms infinite}`,
    `@keyframes f{0%{transform:translateY(0);animation-timing-function:steps(${shots.length - 1},end)}${((moving / whole) * 100).toFixed(2)}%,100%{transform:translateY(${last}px)}}`,
    '@media (prefers-reduced-motion:reduce){.f{animation:none}}',
    '</style>',
    `<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>`,
    `<svg width="${width}" height="${height}"><g class="f">`,
    ...pictures,
    '</g></svg>',
    '</svg>',
    '',
  ].join('\n');
}

/** A line of the terminal: bars as bars, everything else as text, in pieces of one style. */
function rowOf(row: readonly Cell[], left: number, top: number, cell: number, line: number): string[] {
  const marks: string[] = [];
  let from = 0;
  while (from < row.length) {
    const first = row[from];
    if (first === undefined) break;
    let to = from + 1;
    while (to < row.length && kindOf(row[to]) === kindOf(first)) to += 1;
    const x = round(left + from * cell);
    const width = round((to - from) * cell);
    const kind = kindOf(first);
    const text = row
      .slice(from, to)
      .map(({ char }) => char)
      .join('');
    if (kind === 'full') marks.push(`<rect class="b" x="${x}" y="${round(top + 7)}" width="${width}" height="5"/>`);
    else if (kind === 'rest')
      marks.push(`<rect class="r" x="${x}" y="${round(top + 7)}" width="${width}" height="5"/>`);
    else if (text.trim() !== '') {
      marks.push(
        `<text${kind === 'dim' ? ' class="d"' : ''} x="${x}" y="${round(top + line - 5)}" textLength="${width}">${escaped(text)}</text>`,
      );
    }
    from = to;
  }
  return marks;
}

function kindOf(cell: Cell | undefined): 'full' | 'rest' | 'dim' | 'text' {
  if (cell?.char === '━') return 'full';
  if (cell?.char === '─') return 'rest';
  return cell?.styles.includes(2) === true ? 'dim' : 'text';
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
