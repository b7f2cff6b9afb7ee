/**
 * Connections that are made before there are requests for them: many requests that begin at once over a long line would each
 * wait for its own first, one round trip, with TLS two.
 */
import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';

type Target = buildConnector.Options;
type Connect = buildConnector.connector;

interface Ready {
  /** Waits for it; `undefined` where it failed, or was closed before anybody wanted it. */
  take(): Promise<Socket | undefined>;
  close(): void;
}

export class ReadyConnections {
  readonly #make: Connect;
  /** By origin: how the connections to it were asked for. */
  readonly #targets = new Map<string, Target>();
  readonly #ready = new Map<string, Ready[]>();
  /** By origin: how many will be wanted as soon as it is known how. Shared with others of the same run. */
  readonly #wanted: Map<string, number>;
  #closed = false;

  constructor(make: Connect, wanted = new Map<string, number>()) {
    this.#make = make;
    this.#wanted = wanted;
  }

  /** For undici: one that is ready, else a new one. */
  readonly connect: Connect = (target, callback) => {
    const origin = originOf(target);
    this.#targets.set(origin, target);
    const ready = this.#ready.get(origin)?.shift();
    const wanted = this.#wanted.get(origin);
    // beside this one
    if (wanted !== undefined) this.prepare(origin, wanted - 1);
    if (ready === undefined) return this.#make(target, callback);
    void ready.take().then((socket) => {
      if (socket === undefined) this.#make(target, callback);
      else callback(null, socket);
    });
  };

  /** Begins to make up to `count` connections more like those that were made to `origin` before; with the first where there were none. */
  prepare(origin: string, count: number): void {
    const target = this.#targets.get(origin);
    if (this.#closed) return;
    if (target === undefined) {
      this.#wanted.set(origin, count);
      return;
    }
    this.#wanted.delete(origin);
    const ready = this.#ready.get(origin) ?? [];
    this.#ready.set(origin, ready);
    for (let more = count - ready.length; more > 0; more -= 1) ready.push(this.#begin(target));
  }

  /** Closes those that nobody has wanted. */
  close(): void {
    this.#closed = true;
    for (const ready of this.#ready.values()) for (const { close } of ready.splice(0)) close();
  }

  #begin(target: Target): Ready {
    let made: Socket | undefined;
    let unwanted = false;
    const drop = (): void => void made?.destroy();
    const settled = new Promise<void>((resolve) => {
      this.#make(target, (...[error, socket]) => {
        if (error === null) {
          made = socket;
          // whatever comes before anything was asked, be it the end
          socket.once('readable', drop);
          if (unwanted) drop();
        }
        resolve();
      });
    });
    return {
      async take() {
        await settled;
        made?.off('readable', drop);
        return made?.destroyed === false ? made : undefined;
      },
      close() {
        unwanted = true;
        drop();
      },
    };
  }
}

/** As `URL.origin` has it. */
function originOf({ protocol, host }: Target): string {
  return `${protocol}//${host}`;
}
