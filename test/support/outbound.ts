import { afterAll } from '@jest/globals';
import type { Catalogue } from '../../outbound/catalogue.ts';
import type { OutboundConnection, Party } from '../../outbound/connection.ts';
import { type Provider, providerSchema } from '../../outbound/provider.ts';
import { createOutbound, type Outbound, type OutboundOptions } from '../../outbound/request.ts';

/** A provider named `acme` as a providers file would give it; without an auth mode it is NONE. */
export function acme(entry: Record<string, unknown> = {}): Provider {
  return { ...providerSchema.parse({ auth_mode: 'NONE', ...entry }), name: 'acme' };
}

/** Connection `c1` of integration `acme-dev` to the provider `acme`. */
export function connection(credentials: Record<string, unknown> = {}, config: Record<string, unknown> = {}) {
  return {
    id: 1,
    provider: 'acme',
    providerConfigKey: 'acme-dev',
    connectionId: 'c1',
    connectionConfig: config,
    credentials,
  } satisfies OutboundConnection;
}

export function party(entry: Record<string, unknown>, ...of: Parameters<typeof connection>): Party {
  return { provider: acme(entry), connection: connection(...of) };
}

export type OutboundUnderTest = Outbound & {
  /** The waits between attempts; none is really waited. */
  readonly waits: readonly number[];
};

/** An Outbound to `acme` whose waits are recorded instead of slept; closed after the file's last test. */
export function useOutbound(entry: () => Record<string, unknown>, options: Partial<OutboundOptions> = {}) {
  const outbound = openOutbound(entry, options);
  afterAll(() => outbound.close());
  return outbound;
}

/** The same for a single test, which closes it. Without `allow`, 127.0.0.1 may be reached. */
export function openOutbound(
  entry: () => Record<string, unknown>,
  options: Partial<OutboundOptions> = {},
): OutboundUnderTest {
  const waits: number[] = [];
  const catalogue: Catalogue = { get: () => acme(entry()), has: () => true, list: () => [acme(entry())] };
  const outbound = createOutbound({
    catalogue,
    allow: ['127.0.0.1'],
    clock: () => new Date('2026-01-01T00:00:00Z'),
    maxResponseBytes: 1_000_000,
    sleep: async (waitMs) => {
      waits.push(waitMs);
    },
    ...options,
  });
  return { ...outbound, waits };
}
