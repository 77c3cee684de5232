/** One POST to an application that asked to be told: no redirects, no retries, the same address policy as every call. */
import { createExchange, discard } from './exchange.ts';

export type DeliveryAnswer = { readonly status: number };

export type Delivery = {
  /** Throws `upstream_unreachable`, `upstream_refused` or `script_aborted`. */
  readonly post: (
    request: { readonly url: string; readonly body: string; readonly headers: Readonly<Record<string, string>> },
    signal: AbortSignal,
  ) => Promise<DeliveryAnswer>;
  readonly close: () => void;
};

const CONNECT_WITHIN_MS = 10_000;

export function createDelivery(options: {
  readonly allow: readonly string[];
  readonly answerTimeoutMs: number;
}): Delivery {
  const { allow, answerTimeoutMs } = options;
  const exchange = createExchange({ allow, connectTimeoutMs: CONNECT_WITHIN_MS, answerTimeoutMs });
  return {
    post: async ({ url, body, headers }, signal) => {
      const request = {
        method: 'POST',
        url: new URL(url),
        headers: { 'content-type': 'application/json', ...headers },
        body: Buffer.from(body),
        decompress: false,
        forwardHeaders: false,
        redirects: 'none',
      } as const;
      const answer = await exchange.attempt(request, signal);
      discard(answer);
      return { status: answer.status };
    },
    close: exchange.close,
  };
}
