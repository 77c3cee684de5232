/** A call without a provider: no credentials, no retries, only the address policy. */
import { EngineError } from '../contract/failures.ts';
import type { ResponseHead } from '../contract/host.ts';
import type { Exchange } from './exchange.ts';
import { plainHeaders, scriptHeaders } from './headers.ts';
import type { LargeBodies } from './large-bodies.ts';
import { readBody } from './read-body.ts';
import { describeFailure } from './unreachable.ts';

export type RawCall = {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
};

/** Throws `upstream_refused`, `invalid_headers`, `upstream_unreachable`, `payload_too_large` or `script_aborted`. */
export async function rawCall(
  exchange: Exchange,
  call: RawCall,
  how: {
    readonly maxBytes: number;
    readonly silentMs: number;
    readonly signal: AbortSignal;
    readonly large?: LargeBodies;
  },
): Promise<{ readonly head: ResponseHead; readonly body: Uint8Array }> {
  const { signal, ...limits } = how;
  const url = URL.parse(call.url);
  if (url === null)
    throw new EngineError('upstream_refused', `A call to '${call.url.slice(0, 80)}' is refused: expected a whole URL.`);
  const request = {
    method: call.method,
    url,
    headers: plainHeaders(call.headers),
    body: call.body === undefined ? undefined : Buffer.from(call.body),
    decompress: true,
    forwardHeaders: false,
  };
  const answer = await exchange.attempt(request, signal);
  const body = await readBody(answer.body, limits).catch((error: unknown) => {
    throw describeFailure(error, request, signal);
  });
  const head = { status: answer.status, statusText: answer.statusText, headers: scriptHeaders(answer.headers) };
  if (body !== undefined) return { head, body };
  throw new EngineError(
    'payload_too_large',
    `The answer of ${call.method} to '${url.host}' is larger than ${limits.maxBytes} bytes.`,
  );
}
