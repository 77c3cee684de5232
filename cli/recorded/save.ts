/** Makes a recording while a script runs: the file that `nango test` and the incumbent's generated tests read. */
import type { ConnectionView, Host, HostAnswer, RequestConfig, ResponseHead } from '../../contract/host.ts';
import { hashOf, identityOf } from './identity.ts';

export type Fixture = {
  readonly input?: unknown;
  readonly output?: unknown;
  readonly nango: Readonly<Record<string, unknown>>;
  readonly api: Readonly<Record<string, Readonly<Record<string, readonly object[]>>>>;
};
export type FixtureRecorder = {
  readonly host: Host;
  /** What was recorded; credentials are no part of it. */
  readonly fixture: (ends: { readonly input?: unknown; readonly output?: unknown }) => Fixture;
};

/** Headers of answers that say nothing about the API and much about the account. */
const PRIVATE_HEADERS =
  /^(set-cookie|authorization|x-request-id|cf-|via$|server$|connection$|alt-svc$|strict-transport)/;

/**
 * Wraps a Host: everything goes on as before, and is remembered. `paginate` are the provider's own settings, which a
 * script that pages by them needs again and only the server knows.
 */
export function recordFixture(host: Host, paginate?: Readonly<Record<string, unknown>>): FixtureRecorder {
  const api = new Map<string, Map<string, Map<string, object>>>();
  const saved = new Map<string, unknown[]>();
  const deleted = new Map<string, unknown[]>();
  let connection: ConnectionView | undefined;
  let paginated = false;
  const add = (into: Map<string, unknown[]>, model: string, body: string | undefined) =>
    void into.set(model, [...(into.get(model) ?? []), ...(JSON.parse(body ?? '[]') as unknown[])]);
  const wrapped: Host = {
    ...host,
    request: async (args, call) => {
      const answer = await host.request(args, call);
      paginated ||= args.config.paginated === true;
      const identity = identityOf(args.config);
      const endpoints = api.get(identity.method) ?? new Map<string, Map<string, object>>();
      api.set(identity.method, endpoints);
      const entries = endpoints.get(`/${identity.endpoint}`) ?? new Map<string, object>();
      endpoints.set(`/${identity.endpoint}`, entries);
      const hash = hashOf(identity);
      if (!entries.has(hash)) entries.set(hash, entryOf(args.config, answer, hash));
      return answer;
    },
    saveRecords: async (args, call) => {
      add(saved, args.model, call.body);
      return host.saveRecords(args, call);
    },
    deleteRecords: async (args, call) => {
      add(deleted, args.model, call.body);
      return host.deleteRecords(args, call);
    },
    getConnection: async (args, call) => {
      const answer = await host.getConnection(args, call);
      connection ??= answer.value;
      return answer;
    },
  };
  return {
    host: wrapped,
    fixture: (ends) => ({
      ...ends,
      nango: {
        ...(connection === undefined
          ? {}
          : { getConnection: withoutSecrets(connection), getMetadata: connection.metadata }),
        ...(paginated && paginate && { paginate }),
        ...(saved.size === 0 ? {} : { batchSave: Object.fromEntries(saved) }),
        ...(deleted.size === 0 ? {} : { batchDelete: Object.fromEntries(deleted) }),
      },
      api: Object.fromEntries(
        [...api].map(([method, endpoints]) => [
          method,
          Object.fromEntries([...endpoints].map(([endpoint, entries]) => [endpoint, [...entries.values()]])),
        ]),
      ),
    }),
  };
}

function entryOf(config: RequestConfig, { value, body }: HostAnswer<ResponseHead>, hash: string): object {
  const { params, headers, data } = identityOf(config);
  return {
    request: {
      params: Object.fromEntries(params),
      headers: Object.fromEntries(headers),
      ...(data === undefined ? {} : { data: config.data }),
    },
    response: responseOf(config, body),
    status: value.status,
    headers: Object.fromEntries(Object.entries(value.headers).filter(([name]) => !PRIVATE_HEADERS.test(name))),
    hash,
  };
}

function responseOf({ responseType = 'json' }: RequestConfig, body: string | Uint8Array | undefined): unknown {
  if (body === undefined) return undefined;
  if (['arraybuffer', 'blob', 'stream'].includes(responseType)) return Buffer.from(body).toJSON();
  const text = typeof body === 'string' ? body : Buffer.from(body).toString('utf8');
  try {
    return responseType === 'json' ? JSON.parse(text) : text;
  } catch {
    return text;
  }
}

function withoutSecrets({ connection_config }: ConnectionView): object {
  return Object.keys(connection_config).length === 0 ? {} : { connection_config };
}
