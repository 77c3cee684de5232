/** Telling of exchanges as they went over the wire, with the secrets of their connection masked. */
import type { IncomingHttpHeaders } from 'node:http';
import type { HttpDetails } from '../contract/operation.ts';
import { createRedactor } from '../contract/redaction.ts';
import type { OutboundConnection } from './connection.ts';
import type { Exchange, ExchangeRequest } from './exchange.ts';

/** What one exchange came to; without an answer, why there is none. */
export type Sighting = { readonly http: HttpDetails; readonly failure: string | undefined };
export type Watch = (sighting: Sighting) => void;

const MASK = '***';
/** Names of headers and parameters that carry secrets by their purpose, whoever made them; a token of a page is none. */
const SECRET_NAME =
  /authoriz|^x-auth|cookie|(?<!page[-_]?|next[-_]?|sync[-_]?)token|secret|passw|signature|credential|session|(^|[-_]|api)key$|^(sig|code)$/i;
/** Headers that hold addresses, whose queries may be all that opens them (presigned links, resumable uploads). */
const ADDRESS_NAME = /^(content-)?location$|^link$|^refresh$/i;
const MOST_HEADERS = 60;
const LONGEST = 1_000;

/** One exchange as `exchange.attempt` makes it, told to `watch` once its head is there or it has failed. */
export async function attemptWatched(
  exchange: Pick<Exchange, 'attempt'>,
  call: { readonly request: ExchangeRequest; readonly connection: OutboundConnection; readonly signal: AbortSignal },
  watch: Watch | undefined,
): ReturnType<Exchange['attempt']> {
  if (watch === undefined) return exchange.attempt(call.request, call.signal);
  const begun = performance.now();
  const tell = (answered: Answered | null, failure?: string): void =>
    watch({ http: detailsOf(call, answered, Math.round(performance.now() - begun)), failure });
  try {
    const answer = await exchange.attempt(call.request, call.signal);
    tell(answer);
    return answer;
  } catch (error) {
    tell(null, error instanceof Error ? error.message : String(error));
    throw error;
  }
}

type Answered = { readonly status: number; readonly headers: IncomingHttpHeaders };

function detailsOf(
  { request, connection }: { readonly request: ExchangeRequest; readonly connection: OutboundConnection },
  answered: Answered | null,
  tookMs: number,
): HttpDetails {
  const redactor = createRedactor();
  redactor.add(connection.credentials);
  const headers = (of: Readonly<Record<string, string | string[] | undefined>>) => maskedHeaders(of, redactor.redact);
  return {
    request: {
      method: request.method,
      url: maskedUrl(request.url, redactor.redact),
      headers: headers(request.headers),
    },
    response: answered && { status: answered.status, headers: headers(answered.headers) },
    duration_ms: tookMs,
  };
}

function maskedHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  redact: (text: string) => string,
): Record<string, string> {
  const masked: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers).slice(0, MOST_HEADERS)) {
    if (value === undefined) continue;
    const text = typeof value === 'string' ? value : value.join(', ');
    const told = ADDRESS_NAME.test(name) ? text.replaceAll(/\?[^\s>,;"]*/g, `?${MASK}`) : text;
    masked[name] = SECRET_NAME.test(name) ? MASK : redact(told).slice(0, LONGEST);
  }
  return masked;
}

/** Without user, password and fragment. */
function maskedUrl(url: URL, redact: (text: string) => string): string {
  const masked = new URL(url);
  masked.username = masked.password = masked.hash = '';
  for (const [name, value] of url.searchParams) {
    if (SECRET_NAME.test(name) || redact(value) !== value) masked.searchParams.set(name, MASK);
  }
  return redact(masked.href).slice(0, 2 * LONGEST);
}
