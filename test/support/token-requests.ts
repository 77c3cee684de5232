/** Asking for tokens as a provider's entry says, against a real server. */
import { afterAll } from '@jest/globals';
import type { Granted } from '../../contract/credentials.ts';
import type { Applicant } from '../../outbound/auth/applicant.ts';
import { createExchange, type Exchange } from '../../outbound/exchange.ts';
import { acme } from './outbound.ts';
import { type Upstream, useUpstream } from './upstream.ts';

export const NOW = new Date('2026-01-01T00:00:00Z');
export const REDIRECT = 'https://app.example/callback';
export type Entry = Record<string, unknown>;
/** For each key of the grammar what comes of it, and what is expected. */
export type Shown<Key extends string> = Readonly<Record<Key, () => Promise<readonly [unknown, unknown]>>>;

export type TokenRequests = {
  readonly upstream: Upstream;
  readonly exchange: Exchange;
  /** Somebody who asks under that entry; without one of its own, the mode is OAUTH2 and tokens are at `/token`. */
  readonly applicant: (entry: Entry, credentials?: Record<string, unknown>) => Applicant;
  /** The last request, its body read as a form. */
  readonly sent: () => Partial<Upstream['requests'][number]> & { readonly params: URLSearchParams };
};

export function useTokenRequests(): TokenRequests {
  const upstream = useUpstream();
  const exchange = createExchange({ allow: ['127.0.0.1'], connectTimeoutMs: 5_000, answerTimeoutMs: 20_000 });
  afterAll(() => exchange.close());
  return {
    upstream,
    exchange,
    applicant: (entry, credentials = {}) => ({
      provider: acme({ auth_mode: 'OAUTH2', token_url: `${upstream.url}/token`, ...entry }),
      connectionId: 'c1',
      providerConfigKey: 'acme-dev',
      connectionConfig: { path: 'a/b c' },
      credentials,
      integration: { client_id: 'id', client_secret: 'secret' },
    }),
    sent: () => {
      const request = upstream.requests.at(-1);
      return { ...request, params: new URLSearchParams(request?.body.toString()) };
    },
  };
}

/** The last of what is granted. */
export async function last(grants: AsyncGenerator<Granted>): Promise<Granted> {
  let granted: Granted | undefined;
  for await (const next of grants) granted = next;
  if (granted === undefined) throw new Error('Nothing was granted');
  return granted;
}
