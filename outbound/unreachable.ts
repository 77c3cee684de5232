/** Network failures as the engine's own error. */
import { EngineError, failureCode } from '../contract/failures.ts';

/** Failures of the network that may be gone a moment later; a name that does not exist or a bad certificate stays. */
const PASSING: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'EAI_AGAIN',
  'UND_ERR_SOCKET',
  'ERR_HTTP_CONTENT_LENGTH_MISMATCH',
  'HPE_INVALID_EOF_STATE',
]);

/**
 * What went wrong on the way, as an EngineError: one of ours from anywhere in the cause chain, `script_aborted` when the
 * caller gave up, otherwise `upstream_unreachable` with the network's code in `details.payload.code`. Of the URL only
 * host and port are shown, and the cause kept is the innermost: the HTTP client's own errors carry the request's headers.
 */
export function describeFailure(
  thrown: unknown,
  { method, url }: { readonly method: string; readonly url: URL },
  signal: AbortSignal,
): EngineError {
  const chain = causeChain(thrown);
  if (signal.aborted)
    return new EngineError('script_aborted', `${method} to '${url.host}' was aborted`, { cause: signal.reason });
  const own = chain.find((error) => error instanceof EngineError);
  if (own !== undefined) return own;
  const code = chain.map(codeOf).find((found) => found !== undefined) ?? 'UNKNOWN';
  const host = url.port === '' ? url.host : `${url.hostname}:${url.port}`;
  return new EngineError('upstream_unreachable', `${method} to '${host}' failed: ${code} (${explain(code)}).`, {
    cause: chain.at(-1),
    details: { payload: { code } },
  });
}

/** The network's code of an `upstream_unreachable`, or undefined for any other error. */
export function networkCode(thrown: unknown): string | undefined {
  if (failureCode(thrown) !== 'upstream_unreachable') return undefined;
  const payload = (thrown as EngineError).details.payload as { code?: string } | undefined;
  return payload?.code;
}

/** Whether trying the same again may help. */
export function isPassing(code: string): boolean {
  return PASSING.has(code);
}

function causeChain(thrown: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let error = thrown; typeof error === 'object' && error !== null && !chain.includes(error); ) {
    chain.push(error);
    const next = error as { cause?: unknown; errors?: readonly unknown[] };
    error = next.cause ?? next.errors?.[0];
  }
  return chain;
}

// The client's own codes say less than the system's beneath them.
function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && !/^ERR_(GOT|READING|UPLOAD)/.test(code) ? code : undefined;
}

function explain(code: string): string {
  switch (code) {
    case 'ECONNREFUSED':
      return 'nothing listens there';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the name cannot be resolved';
    case 'ETIMEDOUT':
      return 'no answer in time';
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ERR_HTTP_CONTENT_LENGTH_MISMATCH':
      return 'the connection was closed before the answer was complete';
    default:
      return /CERT|TLS|SSL|SIGNATURE|ALTNAME/.test(code) ? 'its certificate is not accepted' : 'the connection failed';
  }
}
