import { readFile, writeFile, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { EngineError } from '../contract/failures.ts';
import type { Closing } from '../runtime/closing.ts';
import type { Settings } from '../runtime/env.ts';
import { type ExampleUpstream, exampleProviders, startExampleUpstream } from './example-upstream.ts';

export type Example = {
  readonly upstream: ExampleUpstream;
  /** The given settings, with the example's providers and its loopback address allowed. */
  readonly settings: Settings;
  /** Creates the two integrations and a connection of each, unless they are there. */
  readonly connect: (engine: { readonly apiUrl: string | undefined }, say: (line: string) => void) => Promise<void>;
};

/** The port of `npm start -- --example`, which examples/providers.yaml names too. */
const PORT = 4010;

export const EXAMPLE_INTEGRATIONS = { 'task-tracker': 'example-tracker', 'team-chat': 'example-chat' } as const;

/** Starts the example upstream and prepares the settings under which scripts may reach it. */
export async function startExample(settings: Settings, closing: Closing, port = PORT): Promise<Example> {
  if (settings.NANGO_PROVIDERS_FILE !== undefined) {
    throw new EngineError(
      'configuration_invalid',
      `The example brings its own providers: unset NANGO_PROVIDERS_FILE ('${settings.NANGO_PROVIDERS_FILE}'), or add examples/providers.yaml to that file and start without --example`,
    );
  }
  const upstream = await startExampleUpstream({ port }).catch((cause) => {
    throw new EngineError('configuration_invalid', `Port ${port} of the example upstream is taken: stop what uses it`, {
      cause,
    });
  });
  closing.add('the example upstream', upstream.close);
  const folder = resolve(settings.NANGO_DATA_DIR);
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'example-providers.yaml');
  await writeFile(file, exampleProviders(upstream.url));
  const allowed = [...settings.NANGO_OUTBOUND_ALLOW, new URL(upstream.url).host];
  return {
    upstream,
    settings: { ...settings, NANGO_PROVIDERS_FILE: file, NANGO_OUTBOUND_ALLOW: allowed },
    connect: async ({ apiUrl = '' }, say) => {
      const key = await devKey(folder);
      for (const [integration, provider] of Object.entries(EXAMPLE_INTEGRATIONS)) {
        await createIntegration({ apiUrl, key }, integration, provider);
        await createConnection({ apiUrl, key }, integration, 'acme');
      }
      say(
        `\n  Example upstream  ${upstream.url}, with connection 'acme' of ${Object.keys(EXAMPLE_INTEGRATIONS).join(' and ')}`,
      );
    },
  };
}

export type Caller = { readonly apiUrl: string; readonly key: string };

/** Creates an integration over REST; one that is there stays as it is. */
export async function createIntegration(caller: Caller, uniqueKey: string, provider: string): Promise<void> {
  await call(caller, 'POST', '/integrations', { unique_key: uniqueKey, provider }, [409]);
}

/** Creates a connection over REST with an API key the example upstream takes. */
export async function createConnection(caller: Caller, integration: string, id: string): Promise<void> {
  await call(caller, 'POST', '/connections', {
    provider_config_key: integration,
    connection_id: id,
    credentials: { type: 'API_KEY', apiKey: 'example-token' },
  });
}

/** One REST call. @throws EngineError with the answer's own text for a status that is not expected. */
export async function call<T>(
  { apiUrl, key }: Caller,
  method: string,
  path: string,
  body?: unknown,
  expected: readonly number[] = [],
  headers: Readonly<Record<string, string>> = {},
): Promise<T> {
  const response = await fetch(`${apiUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.ok || expected.includes(response.status)) return (text === '' ? null : JSON.parse(text)) as T;
  throw new EngineError('internal', `${method} ${path} answered ${response.status}: ${text}`);
}

async function devKey(folder: string): Promise<string> {
  const text = await readFile(join(folder, '.env'), 'utf8').catch(() => '');
  const key = /^NANGO_SECRET_KEY_DEV=(\S+)$/m.exec(text)?.[1];
  if (key) return key;
  throw new EngineError(
    'configuration_invalid',
    `The example needs the secret key of 'dev', which is not in ${join(folder, '.env')}: make one with 'npm start -- --new-key dev' and put its line there, or start afresh with 'npm run reset'`,
  );
}
