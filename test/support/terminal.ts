/** A terminal in memory: what a person would see of what is written to it. */
import { WriteStream } from 'node:tty';

export interface Cell {
  readonly char: string;
  /** Numbers of the SGR sequences in force: 2 dim, 33 yellow, 36 cyan. */
  readonly styles: readonly number[];
}

/** A line of the screen; `goesOn` where the next one is its rest. */
interface Row {
  cells: Cell[];
  goesOn: boolean;
}

export interface FakeTerminal {
  readonly stream: NodeJS.WriteStream;
  /** What is on the screen and above it, without blanks at the ends. */
  text(): string[];
  cells(): ReadonlyArray<readonly Cell[]>;
  /** Every write, in order. */
  readonly writes: readonly string[];
  /** Another width: lines are wrapped anew, as terminals do it, and those who listen are told. */
  resize(columns: number): void;
}

const sequence = new RegExp(`${String.fromCharCode(27)}\\[([0-9;]*)([A-Za-z])|[^]`, 'gu');
const blank: Cell = { char: ' ', styles: [] };

/** Knows the sequences that progress is drawn with, and throws for others. `env`: for `NO_COLOR` and `FORCE_COLOR`. */
export function fakeTerminal(columns: number, height = 24, env: NodeJS.ProcessEnv = {}): FakeTerminal {
  let rows: Row[] = [{ cells: [], goesOn: false }];
  let [x, y] = [0, 0];
  let styles: number[] = [];
  const listeners = new Set<() => void>();
  const writes: string[] = [];
  const row = (): Row => {
    while (rows.length <= y) rows.push({ cells: [], goesOn: false });
    return rows[y] ?? { cells: [], goesOn: false };
  };
  const put = (char: string): void => {
    if (x >= stream.columns) {
      row().goesOn = true;
      y += 1;
      x = 0;
    }
    const { cells } = row();
    while (cells.length < x) cells.push(blank);
    cells[x] = { char, styles: [...styles] };
    x += 1;
  };
  const control = (final: string, argument: string): void => {
    const count = argument === '' ? 1 : Number(argument);
    if (final === 'A') y = Math.max(0, y - count);
    else if (final === 'K' && argument === '') {
      row().cells.length = Math.min(row().cells.length, x);
      row().goesOn = false;
    } else if (final === 'J' && argument === '') {
      row().cells.length = Math.min(row().cells.length, x);
      row().goesOn = false;
      rows.length = y + 1;
    } else if (final === 'm') {
      const number = Number(argument);
      if (number === 22 || number === 39 || number === 0) styles = [];
      else styles.push(number);
    } else throw new Error(`the terminal does not know ESC [${argument}${final}`);
  };
  const write = (text: string): boolean => {
    writes.push(text);
    for (const [whole, argument, final] of text.matchAll(sequence)) {
      if (final !== undefined) control(final, argument ?? '');
      else if (whole === '\r') x = 0;
      else if (whole === '\n') {
        row().goesOn = false;
        y += 1;
        x = 0;
        row();
      } else put(whole);
    }
    return true;
  };
  const resize = (to: number): void => {
    const lines: Cell[][] = [];
    let joined: Cell[] = [];
    // the cursor stays at the character where it was
    let [line, offset] = [0, 0];
    for (const [at, { cells, goesOn }] of rows.entries()) {
      if (at === y) [line, offset] = [lines.length, joined.length + x];
      joined = [...joined, ...cells];
      if (goesOn) continue;
      lines.push(joined);
      joined = [];
    }
    rows = [];
    for (const [at, cells] of lines.entries()) {
      if (at === line) {
        const down =
          offset > 0 && offset % to === 0 && offset >= cells.length ? offset / to - 1 : Math.floor(offset / to);
        [y, x] = [rows.length + down, offset - down * to];
      }
      let from = 0;
      do {
        const part = cells.slice(from, from + to);
        from += to;
        rows.push({ cells: part, goesOn: from < cells.length });
      } while (from < cells.length);
    }
    stream.columns = to;
    for (const listener of listeners) listener();
  };
  const fake = {
    isTTY: true,
    writable: true,
    columns,
    rows: height,
    write,
    on: (name: string, listener: () => void) => {
      if (name === 'resize') listeners.add(listener);
    },
    off: (name: string, listener: () => void) => {
      if (name === 'resize') listeners.delete(listener);
    },
    getColorDepth: () => WriteStream.prototype.getColorDepth({ TERM: 'xterm-256color', ...env }),
  };
  // streams of a terminal have more than progress needs
  const stream = fake as unknown as NodeJS.WriteStream;
  return {
    stream,
    writes,
    resize,
    cells: () => rows.map(({ cells }) => cells),
    text() {
      const lines = rows.map(({ cells }) =>
        cells
          .map(({ char }) => char)
          .join('')
          .trimEnd(),
      );
      while (lines.at(-1) === '') lines.pop();
      return lines;
    },
  };
}
