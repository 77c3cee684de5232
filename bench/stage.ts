/**
 * The whole platform as it is used: API and worker in one process by `npm start`'s own code, on a durable Postgres and
 * Temporal's dev server, with the upstream in another process. Load comes from this process, so that nobody's work is
 * counted as the platform's.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Caller, call } from '../platform/example.ts';
import { openParts, type Parts } from '../platform/parts.ts';
import { freePort } from '../platform/ports.ts';
import type { Closing } from '../runtime/closing.ts';
import { readSettings } from '../runtime/env.ts';
import { compileScript, packForDeploy } from '../sandbox/compile.ts';
import { startScript } from './process.ts';

export type Stage = {
  readonly caller: Caller;
  readonly parts: Parts;
  readonly upstreamUrl: string;
  readonly platformPid: number;
};
export type Script = { readonly name: string; readonly type: 'sync' | 'action'; readonly source: string };
export type Run = {
  readonly id: string;
  readonly state: string;
  readonly counts: Readonly<Record<string, { added: number; updated: number; deleted: number }>>;
  readonly error: { readonly message: string } | null;
};

export const INTEGRATION = 'upstream';
export const MODEL = 'Row';

/**
 * Starts everything and creates the integration.
 * @param profile a folder for the platform's CPU profile.
 * @param nodeOptions of the platform's process.
 */
export async function openStage(
  closing: Closing,
  profile: string | undefined,
  nodeOptions: readonly string[] = [],
): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'nango-temporal-bench-'));
  closing.add('the data folder', () => rm(folder, { recursive: true, force: true }));
  const upstream = await startScript('bench/upstream/fake-api.ts', { closing, ready: /^listening on (\d+)$/ });
  const upstreamUrl = `http://127.0.0.1:${upstream.ready[1]}`;
  const partsSettings = readSettings({ NANGO_DATA_DIR: folder });
  const parts = await openParts(partsSettings, closing, { durable: true, uiPort: await freePort() });
  const providers = join(folder, 'providers.yaml');
  await writeFile(providers, providerOf(upstreamUrl));
  const port = String(await freePort());
  const data = join(folder, 'platform');
  const platform = await startScript('platform/start.ts', {
    closing,
    ready: /^Ready\./,
    nodeOptions: [...nodeOptions, ...(profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`])],
    settings: {
      DATABASE_URL: parts.databaseUrl,
      TEMPORAL_ADDRESS: parts.temporal.address,
      NANGO_ENCRYPTION_KEY: parts.encryptionKey,
      SERVER_PORT: port,
      NANGO_DATA_DIR: data,
      NANGO_PROVIDERS_FILE: providers,
      NANGO_OUTBOUND_ALLOW: '127.0.0.1',
    },
  });
  const key = /^NANGO_SECRET_KEY_DEV=(\S+)$/m.exec(await readFile(join(data, '.env'), 'utf8'))?.[1] ?? '';
  const caller = { apiUrl: `http://127.0.0.1:${port}`, key };
  await call(caller, 'POST', '/integrations', { unique_key: INTEGRATION, provider: 'bench' });
  return { caller, parts, upstreamUrl, platformPid: platform.pid };
}

function providerOf(url: string): string {
  const proxy = { base_url: url, headers: { authorization: `Bearer \${apiKey}` } };
  return JSON.stringify({ bench: { display_name: 'Bench', categories: ['bench'], auth_mode: 'API_KEY', proxy } });
}

/** Creates a connection; connections made before a deployment get its syncs too. */
export async function connect({ caller }: Stage, id: string): Promise<void> {
  const credentials = { type: 'API_KEY', apiKey: 'bench' };
  await call(caller, 'POST', '/connections', { provider_config_key: INTEGRATION, connection_id: id, credentials });
}

/** The headers that name a connection. */
export function connectionHeaders({ caller }: Stage, id: string): Record<string, string> {
  return { authorization: `Bearer ${caller.key}`, 'provider-config-key': INTEGRATION, 'connection-id': id };
}

/** Compiles and deploys one script; its syncs run only when they are triggered. */
export async function deploy({ caller }: Stage, { name, type, source }: Script): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'nango-temporal-bench-script-'));
  try {
    await writeFile(join(root, `${name}.ts`), source);
    const js = packForDeploy(await compileScript({ root, file: `${name}.ts` }));
    const schedule = { runs: 'every 1d', auto_start: false, sync_type: 'full' };
    const flow = {
      ...{ type, syncName: name, providerConfigKey: INTEGRATION, models: type === 'sync' ? [MODEL] : [] },
      ...(type === 'sync' ? schedule : { runs: null, auto_start: false }),
      ...{ track_deletes: false, metadata: {}, fileBody: { js, ts: source } },
    };
    const body = { flowConfigs: [flow], nangoYamlBody: '', reconcile: false, debug: false };
    await call(caller, 'POST', '/sync/deploy', body);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** Triggers a sync and waits for its end; answers the time from the call until the end was seen. */
export async function runSync(
  { caller }: Stage,
  sync: { readonly name: string; readonly connection: string; readonly withinS: number },
): Promise<{ readonly seconds: number; readonly run: Run }> {
  const begun = performance.now();
  const elapsedS = (): number => (performance.now() - begun) / 1000;
  const body = { syncs: [sync.name], provider_config_key: INTEGRATION, connection_id: sync.connection };
  const { runs } = await call<{ runs: { run_id: string }[] }>(caller, 'POST', '/sync/trigger', body);
  for (; elapsedS() < sync.withinS; await delay(20)) {
    const run = await call<Run>(caller, 'GET', `/runs/${runs[0]?.run_id}`);
    if (['queued', 'running', 'waiting'].includes(run.state)) continue;
    if (run.state !== 'success') throw new Error(`Run ${run.id} ended as ${run.state}: ${run.error?.message}`);
    return { seconds: elapsedS(), run };
  }
  throw new Error(`Run ${runs[0]?.run_id} of '${sync.name}' did not end within ${sync.withinS} s`);
}

/** Sets the upstream up. */
export async function configure({ upstreamUrl }: Stage, config: object): Promise<void> {
  const response = await fetch(`${upstreamUrl}/__config`, { method: 'POST', body: JSON.stringify(config) });
  if (!response.ok) throw new Error(`The upstream answered ${response.status}`);
}
