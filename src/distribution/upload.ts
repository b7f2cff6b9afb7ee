/** One blob on its way up: begun, sent, and gone on with after whatever comes between. */
import { algorithmOf } from '../oci/digest.ts';
import { type Answer, headerOf } from './exchange.ts';
import { apiHost } from './hosts.ts';
import type { Call } from './http.ts';
import type { UploadContent, UploadOptions } from './registry-client.ts';
import type { UploadSettings } from './registry-pool.ts';
import { named, type RepositoryContext } from './repository-context.ts';
import { TryFailure } from './try-failure.ts';
import { rangeEnd, refuseOtherDigest, uploadLocation } from './upload-answers.ts';
import { UploadFeed } from './upload-feed.ts';

/** Progress that makes tries spent on earlier cuts forgotten. */
const renewingBytes = 64 * 1024;
/** How often a blob may go another way without spending a try: what refuses all of them refuses for good. */
const maxOtherWays = 2;

/** What was set, and what was learned about the registry. */
export interface UploadTraits extends Required<UploadSettings> {
  patch: boolean;
  mount: boolean;
  /** Bytes of one piece at most, and at least. */
  maxPiece: number;
  minPiece: number;
}

interface UploadSession {
  url: URL;
  offset: number;
  /** Whether `offset` must be asked for before going on. */
  unsure: boolean;
}

export class Upload {
  readonly #context: RepositoryContext;
  readonly #traits: UploadTraits;
  readonly #blob: UploadContent;
  readonly #options: UploadOptions;
  readonly #feed: UploadFeed;
  readonly #what: string;
  #session: UploadSession | undefined;
  /** Whether the session is that of an earlier run. */
  #resumed = false;
  /** Other ways gone so far; see {@link maxOtherWays}. */
  #otherWays = 0;
  #whole: boolean;
  /** The best offset that the registry has reported at a failure. */
  #reached = 0;
  /** Where the registry last said that we should go on elsewhere. */
  #refusedAt: number | undefined;
  /** Whether the session has been sent bytes before, all of which were refused. */
  #reused = false;
  /** Bytes in the body of the last request. */
  #sent = 0;
  /** Bytes of the last piece, where the connection was cut while it was under way and nobody has asked yet what came of it. */
  #cut = 0;
  /** Bytes of one piece at most, once nothing was kept of a larger one; no limit where pieces were refused. */
  #piece: number | undefined;
  /** The registry may have all of it, although it did not say so. */
  #perhapsDone = false;

  constructor(context: RepositoryContext, traits: UploadTraits, blob: UploadContent, options: UploadOptions) {
    this.#context = context;
    this.#traits = traits;
    this.#blob = blob;
    this.#options = options;
    this.#feed = new UploadFeed(blob);
    this.#what = `upload the blob ${named(context, blob.descriptor.digest)}`;
    this.#whole = blob.descriptor.size <= traits.wholeBytes && options.session === undefined;
  }

  async run(begun: URL | undefined): Promise<void> {
    const { session } = this.#options;
    if (session !== undefined && URL.canParse(session)) {
      this.#session = { url: new URL(session), offset: 0, unsure: true };
      this.#resumed = true;
    } else if (begun !== undefined) this.#session = { url: begun, offset: 0, unsure: false };
    const budget = this.#context.http.budget(this.#what);
    try {
      for (;;) {
        try {
          await this.#try(() => budget.renew());
          return;
        } catch (thrown) {
          // smaller pieces are another way, not the same again: no try is spent, and nobody waits
          if (thrown instanceof TryFailure && thrown.options.status === 413 && this.#makeSmaller()) continue;
          const failure = thrown instanceof TryFailure ? this.#learn(thrown) : thrown;
          if (failure instanceof OtherWay && this.#otherWays < maxOtherWays) this.#otherWays += 1;
          else await budget.spend(failure);
        }
      }
    } finally {
      this.#feed.close();
    }
  }

  async #try(renew: () => void): Promise<void> {
    const { size } = this.#blob.descriptor;
    if (this.#perhapsDone && (await this.#isThere())) return;
    this.#perhapsDone = false;
    if (this.#session?.unsure === true) {
      const before = this.#session;
      this.#session = await this.#status(before, renew);
      if ((this.#session?.offset ?? 0) <= before.offset) this.#keepSmaller();
      this.#cut = 0;
    }
    this.#session ??= await this.#begin();
    this.#whole ||= !this.#traits.patch;
    if (this.#whole) return this.#finish(this.#session, 0);
    while (this.#session.offset < size) await this.#patch(this.#session);
    return this.#finish(this.#session, size);
  }

  /** What a failure means for the next try; the failure to go on with. */
  #learn(failure: TryFailure): TryFailure {
    const { status } = failure.options;
    const { size } = this.#blob.descriptor;
    const session = this.#session;
    if (this.#whole) {
      const used = this.#reused;
      // who is told to wait before anything was read need not begin anew
      this.#reused = status === 429;
      if (status === 429) return failure;
      this.#session = undefined;
      if (used && status !== undefined && [400, 404, 409, 416].includes(status)) return new OtherWay(failure);
      if (status === undefined && size > this.#traits.resumableBytes && this.#traits.patch) this.#whole = false;
      return failure;
    }
    if (session === undefined) return failure;
    if (status === undefined) this.#cut = this.#sent;
    else if (!failure.options.transient && session.offset > 0 && this.#piece !== undefined) {
      this.#piece = Number.POSITIVE_INFINITY;
    }
    if (status === undefined || failure.options.transient) session.unsure = true;
    else if (status === 416) {
      // told to go on elsewhere; where, is asked next, and the same answer again is no help
      if (session.offset === this.#refusedAt) this.#session = undefined;
      else session.unsure = true;
      this.#refusedAt = session.offset;
      return new OtherWay(failure);
    } else if (session.offset === 0 && [400, 404, 405, 501].includes(status)) {
      // no PATCH here: all in one PUT
      this.#session = undefined;
      if ([405, 501].includes(status)) this.#traits.patch = false;
      this.#whole = true;
      return new OtherWay(failure);
    } else if (session.offset > 0 && [400, 404, 409].includes(status)) {
      // it has lost or given up the upload
      this.#session = undefined;
      return new OtherWay(failure);
    }
    return failure;
  }

  /**
   * After an answer that what was sent is too large: the next pieces, of this blob and all others, are smaller: of `pieceBytes`, or a
   * quarter or a sixteenth of that; `false` where even those were too large. A sixteenth is 1 MiB by default, which is all that nginx takes
   * unless told otherwise.
   */
  #makeSmaller(): boolean {
    const traits = this.#traits;
    if (!traits.patch || this.#sent === 0) return false;
    let piece = traits.pieceBytes;
    while (piece >= this.#sent) piece = Math.floor(piece / 4);
    if (piece < Math.max(traits.minPiece, traits.pieceBytes / 16)) return false;
    traits.maxPiece = Math.min(traits.maxPiece, piece);
    traits.wholeBytes = Math.min(traits.wholeBytes, traits.maxPiece);
    if (this.#whole) this.#session = undefined;
    else if (this.#session !== undefined) this.#session.unsure = true;
    this.#whole = false;
    return true;
  }

  /**
   * Some registries keep nothing of a piece that was cut, or cannot go on after it (the CNCF registry refuses a session then): what the
   * line cuts again and again arrives in pieces alone, the smaller the surer.
   */
  #keepSmaller(): void {
    const { pieceBytes, minPiece } = this.#traits;
    if (this.#piece === Number.POSITIVE_INFINITY) return;
    this.#piece =
      [pieceBytes, Math.ceil(pieceBytes / 16)].find((piece) => piece < this.#cut && piece >= minPiece) ?? this.#piece;
  }

  async #begin(): Promise<UploadSession> {
    this.#resumed = false;
    const { digest } = this.#blob.descriptor;
    const algorithm = algorithmOf(digest) === 'sha256' ? '' : `?digest-algorithm=${algorithmOf(digest)}`;
    const answer = await this.#request({
      method: 'POST',
      target: `${this.#context.path}/blobs/uploads/${algorithm}`,
      body: new Uint8Array(),
    });
    const minPiece = Number(headerOf(answer, 'oci-chunk-min-length') ?? 0);
    if (minPiece > this.#traits.minPiece) this.#traits.minPiece = minPiece;
    if (minPiece > this.#traits.maxPiece) this.#traits.maxPiece = minPiece;
    return this.#moved(answer, 0);
  }

  /** Where the registry wants us to go on; `undefined` where it does not know this upload any more. */
  async #status(session: UploadSession, renew: () => void): Promise<UploadSession | undefined> {
    let answer: Answer;
    try {
      answer = await this.#request({ method: 'GET', target: session.url });
    } catch (thrown) {
      if (!(thrown instanceof TryFailure)) throw thrown;
      const { status, transient } = thrown.options;
      // another host that an earlier run was sent to may have gone meanwhile
      const gone = this.#resumed && status === undefined && session.url.host !== apiHost(this.#context.http.host);
      if (!transient || gone) return undefined;
      throw thrown;
    }
    const end = rangeEnd(answer);
    if (end === undefined) return undefined;
    // "0-0" is said of one byte as of none; a byte sent twice is refused, and then we begin anew
    const offset = end === 0 ? 0 : end + 1;
    // nothing is lost with an old session that has nothing, and a new one can be trusted
    if (offset > this.#blob.descriptor.size || (this.#resumed && offset === 0)) return undefined;
    if (offset - this.#reached >= renewingBytes) renew();
    if (offset > this.#reached) this.#reached = offset;
    return headerOf(answer, 'location') === undefined
      ? { url: session.url, offset, unsure: false }
      : this.#moved(answer, offset);
  }

  async #patch(session: UploadSession): Promise<void> {
    const { size } = this.#blob.descriptor;
    const from = session.offset;
    const to = Math.min(size, from + this.#traits.maxPiece, from + (this.#piece ?? size));
    const answer = await this.#request({
      method: 'PATCH',
      target: session.url,
      body: this.#feed.body(from, to),
      headers: {
        'content-type': 'application/octet-stream',
        // the first piece goes as every client has always sent it; what follows says where it belongs
        ...((from > 0 || to < size) && { 'content-range': `${from}-${to - 1}` }),
      },
    });
    const end = rangeEnd(answer) ?? 0;
    // a Range that makes no sense, or says "0-0" of everything, says nothing: whether all is there, the closing PUT tells
    const offset = end >= Math.max(from, 1) && end < to ? end + 1 : to;
    this.#session = this.#moved(answer, offset, session.url);
  }

  /** The closing PUT, with the bytes from `from` on. */
  async #finish({ url }: UploadSession, from: number): Promise<void> {
    const { digest, size } = this.#blob.descriptor;
    const target = new URL(url);
    // appended as text: what the registry wrote there must stay as it is
    target.search = `${target.search === '' ? '?' : `${target.search}&`}digest=${encodeURIComponent(digest)}`;
    try {
      const answer = await this.#request({
        method: 'PUT',
        target,
        body: from < size ? this.#feed.body(from, size) : new Uint8Array(),
        headers: { 'content-type': 'application/octet-stream' },
      });
      refuseOtherDigest(this.#context, digest, answer);
    } catch (thrown) {
      // the answer may have been lost after the deed, or come too late for a proxy
      const lost = thrown instanceof TryFailure && [undefined, 502, 503, 504].includes(thrown.options.status);
      this.#perhapsDone = lost && size > this.#traits.resumableBytes;
      throw thrown;
    }
  }

  async #isThere(): Promise<boolean> {
    const target = `${this.#context.path}/blobs/${this.#blob.descriptor.digest}`;
    const answer = await this.#request({ method: 'HEAD', target, accept: [404, 405] });
    return answer.status === 200;
  }

  async #request(call: Omit<Call, 'grant' | 'what'>): Promise<Answer> {
    const { http, grants } = this.#context;
    const { body } = call;
    this.#sent = body instanceof Uint8Array ? body.byteLength : (body?.size ?? 0);
    const answer = await http.attempt({ ...call, grant: grants.write, what: this.#what });
    await http.discard(answer);
    return answer;
  }

  /** The session at the place that an answer names; `before` is where it was, should the answer name none. */
  #moved(answer: Answer, offset: number, before?: URL): UploadSession {
    const url =
      before !== undefined && headerOf(answer, 'location') === undefined ? before : uploadLocation(answer, this.#what);
    this.#options.onSession?.(url.href);
    return { url, offset, unsure: false };
  }
}

/** A failure that another way, of which there is one, may avoid. */
class OtherWay extends TryFailure {
  constructor({ options }: TryFailure) {
    super({ ...options, transient: true });
  }
}
