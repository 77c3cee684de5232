/** What lies around a script in a dry run: read from the server where reading does no harm, pretended where it would. */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { EngineError } from '../contract/failures.ts';
import type { ConnectionView, Host, IntegrationView, LogLevel } from '../contract/host.ts';
import { type AddressPolicy, createAddressPolicy } from '../outbound/ssrf.ts';
import { type Client, pathPart } from './client.ts';

type Calls = Pick<
  Host,
  | 'getIntegration'
  | 'getEnvironmentVariables'
  | 'acquireLock'
  | 'releaseLock'
  | 'uncontrolledFetch'
  | 'triggerAction'
  | 'triggerSync'
  | 'startSync'
>;

/** Actions that the script triggers are run for real, as a script's own POSTs are; syncs are neither run nor started. */
export function createDrySurroundings(options: {
  readonly client: Client;
  readonly connection: ConnectionView;
  /** Hosts that `uncontrolledFetch` may reach although they are private. */
  readonly allow: readonly string[];
  readonly log: (level: LogLevel, message: string) => void;
}): Calls {
  const { client, connection, log } = options;
  const locks = new Set<string>();
  const policy = createAddressPolicy(options.allow);
  return {
    getIntegration: async ({ include }) => {
      const path = `/integrations/${pathPart(connection.provider_config_key)}`;
      const wanted = ['credentials', 'webhook'].filter((part) => include.includes(part));
      const query = wanted.map((part) => `include=${part}`).join('&');
      return {
        value: (await client.call<{ data: IntegrationView }>('GET', query === '' ? path : `${path}?${query}`)).data,
      };
    },
    getEnvironmentVariables: async () => ({
      value: await client.call<{ name: string; value: string }[]>('GET', '/environment-variables'),
    }),
    // Nobody else runs here, so nobody holds them.
    acquireLock: async ({ key }) => {
      locks.add(key);
      return { value: true };
    },
    releaseLock: async ({ key }) => {
      const had = key === null ? locks.size > 0 : locks.has(key);
      if (key === null) locks.clear();
      else locks.delete(key);
      return { value: had };
    },
    uncontrolledFetch: ({ url, method, headers }, { body, signal }) =>
      fetchRaw(policy, { url, method, headers, body, signal }),
    triggerAction: async ({ providerConfigKey, connectionId, action }, { body }) => {
      const input = body === undefined ? undefined : (JSON.parse(body) as unknown);
      const headers = { 'provider-config-key': providerConfigKey, 'connection-id': connectionId };
      const call = { headers, body: { action_name: action, ...(input === undefined ? {} : { input }) } };
      const output = await client.call<unknown>('POST', '/action/trigger', call);
      return { value: null, ...(output === undefined ? {} : { body: JSON.stringify(output) }) };
    },
    triggerSync: async ({ name, connectionId }) => {
      log('info', `dry run: sync '${name}' of connection '${connectionId}' would be triggered`);
      return { value: null };
    },
    startSync: async ({ names }) => {
      log('info', `dry run: ${names.map((name) => `'${name}'`).join(', ')} would be started`);
      return { value: null };
    },
  };
}

type RawCall = {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal;
};
const MAX_REDIRECTS = 5;

/** Under the address policy of production; `fetch` would take no lookup of ours. */
async function fetchRaw(policy: AddressPolicy, call: RawCall): ReturnType<Host['uncontrolledFetch']> {
  for (let redirects = 0, at = call.url; ; redirects += 1) {
    const url = URL.parse(at);
    if (url === null)
      throw new EngineError('upstream_refused', `A call to '${at.slice(0, 80)}' is refused: expected a whole URL.`);
    const answer = await sendRaw(policy, url, call);
    const { location } = answer.value.headers;
    const isRedirect = [301, 302, 303, 307, 308].includes(answer.value.status) && location !== undefined;
    if (!isRedirect || call.body !== undefined || redirects === MAX_REDIRECTS) return answer;
    at = new URL(location, url).href;
  }
}

async function sendRaw(policy: AddressPolicy, url: URL, call: RawCall) {
  type Answer = { value: { status: number; statusText: string; headers: Record<string, string> }; body: Buffer };
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const guarded = policy.check(url) === 'guarded';
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  const { method, headers, signal } = call;
  const lookup = guarded ? { lookup: policy.lookup } : {};
  const outgoing = send(url, { method, headers, signal, agent: false, ...lookup }, (incoming) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('error', reject);
    incoming.on('end', () => {
      const entries = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
      const { statusCode: status = 0, statusMessage: statusText = '' } = incoming;
      resolve({ value: { status, statusText, headers: Object.fromEntries(entries) }, body: Buffer.concat(chunks) });
    });
  });
  outgoing.on('error', reject);
  outgoing.end(call.body);
  return promise.catch((cause: unknown) => {
    if (cause instanceof EngineError) throw cause;
    throw new EngineError('upstream_unreachable', `${method} to '${url.host}' did not get through: ${String(cause)}`, {
      cause,
    });
  });
}
