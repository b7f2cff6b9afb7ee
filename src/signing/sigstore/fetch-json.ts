/** Small conversations in JSON with the services of sigstore and identity providers. */
import { asError, CancelledError, RegistryError, SheafError } from '../../foundation/errors.ts';
import { redact } from '../../foundation/redaction.ts';
import type { Session } from '../../foundation/session.ts';
import { type JsonValue, parseJson } from '../../oci/json.ts';
import { patience } from './services.ts';

/** Bytes of an answer. */
const maxBody = 1 << 20;

export interface JsonRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * The answer whatever its status; `null` where a failure has no JSON in it. Redirects are not followed: what is sent is secret.
 * @throws RegistryError SIGSTORE_SERVICE; CancelledError
 */
export async function fetchJson(
  session: Session,
  url: string,
  what: string,
  request: JsonRequest = {},
): Promise<{ status: number; body: JsonValue }> {
  try {
    const answer = await fetch(url, {
      ...request,
      headers: { accept: 'application/json', ...request.headers },
      redirect: 'error',
      signal: AbortSignal.any([session.signal, AbortSignal.timeout(patience.timeout)]),
    });
    const bytes = await smallBody(answer);
    return { status: answer.status, body: parsed(bytes, answer.ok, what) };
  } catch (thrown) {
    if (session.signal.aborted) throw new CancelledError();
    if (thrown instanceof SheafError) throw thrown;
    const reason = asError(thrown);
    const words = reason.cause === undefined ? reason.message : asError(reason.cause).message;
    throw new RegistryError(`${what} at ${redact(new URL(url).origin)} cannot be reached: ${redact(words)}`, {
      code: 'SIGSTORE_SERVICE',
      hint: 'See whether the service can be reached and run it again.',
    });
  }
}

async function smallBody(answer: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBody) throw new Error(`the answer has more than ${maxBody} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parsed(bytes: Uint8Array, ok: boolean, what: string): JsonValue {
  try {
    return parseJson(bytes, `the answer of ${what}`);
  } catch (thrown) {
    if (ok) throw thrown;
    return null;
  }
}
