/**
 * The stage of the chaos runs: the API in this process, workers in processes of their own (`npm run worker`'s entry), a
 * real Postgres and a real Temporal that are given, an upstream here, so that each request can be the moment of a blow.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type RunningEngine, startEngine } from '../../platform/compose.ts';
import { type Caller, call } from '../../platform/example.ts';
import { ensureEnvironments } from '../../platform/first-start.ts';
import type { Closing } from '../../runtime/closing.ts';
import { readSettings } from '../../runtime/env.ts';
import { deployScripts, type TestScript } from '../../test/support/deploy-scripts.ts';
import { type RunningProcess, startScript } from '../process.ts';
import type { Blow, Run } from './trace.ts';
import { type ChaosUpstream, IDEMPOTENCY_HEADER, startChaosUpstream } from './upstream.ts';

export type WorkerProcess = RunningProcess & {
  /** Resolves once it has logged this event of the run. */
  readonly logged: (event: string, runId: string) => Promise<void>;
  readonly signal: (signal: NodeJS.Signals) => void;
};

export type Theatre = {
  readonly caller: Caller;
  readonly engine: RunningEngine;
  readonly upstream: ChaosUpstream;
  /** What processes that join need: Postgres, Temporal, the key, the providers. */
  readonly settings: Readonly<Record<string, string>>;
  /** Every blow that fell, in order. */
  readonly blows: Blow[];
  /** Deploys one sync; one deployment after the other, since an environment refuses two at once. */
  readonly deploy: (integration: string, script: TestScript) => Promise<void>;
  /** @param nodeOptions of that process, such as `--import` and a file. */
  readonly startWorker: (nodeOptions?: readonly string[]) => Promise<WorkerProcess>;
  /** The worker that began the newest attempt of the run, and which attempt it is. */
  readonly attemptOf: (runId: string) => { readonly worker: WorkerProcess; readonly attempt: number } | undefined;
};

export const PROVIDERS = { plain: 'chaos', keyed: 'chaos-keyed' } as const;

/** Opens the stage with so many workers; `closing` takes it down. */
export async function openTheatre(
  closing: Closing,
  given: {
    readonly databaseUrl: string;
    readonly temporalAddress: string;
    readonly workers: number;
    /** Further settings of every process. */
    readonly settings?: Readonly<Record<string, string>>;
  },
): Promise<Theatre> {
  const folder = await mkdtemp(join(tmpdir(), 'nango-temporal-chaos-'));
  closing.add('the folder', () => rm(folder, { recursive: true, force: true }));
  const upstream = await startChaosUpstream(closing);
  const settings = {
    ...given.settings,
    DATABASE_URL: given.databaseUrl,
    TEMPORAL_ADDRESS: given.temporalAddress,
    NANGO_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    NANGO_PROVIDERS_FILE: join(folder, 'providers.yaml'),
    NANGO_OUTBOUND_ALLOW: '127.0.0.1',
    NANGO_DATA_DIR: folder,
    SERVER_PORT: '0',
  };
  await writeFile(settings.NANGO_PROVIDERS_FILE, chaosProviders(upstream.url));
  const engine = await startApi(settings, closing);
  const { dev = '' } = await ensureEnvironments(engine.db, { folder: null, apiUrl: undefined, at: new Date() });
  const caller = { apiUrl: engine.apiUrl ?? '', key: dev };
  let deployed: Promise<unknown> = Promise.resolve();
  const deploy = async (integration: string, script: TestScript): Promise<void> => {
    const next = deployed.catch(() => undefined).then(() => deployScripts(caller, integration, [script]));
    deployed = next;
    await next;
  };
  const attempts = new Map<string, { worker: WorkerProcess; attempt: number }>();
  const startWorker = (nodeOptions: readonly string[] = []) =>
    startWorkerProcess({ settings, closing, nodeOptions }, (...begun) => note(attempts, ...begun));
  await Promise.all(Array.from({ length: given.workers }, () => startWorker()));
  return {
    caller,
    engine,
    deploy,
    blows: [],
    upstream,
    settings,
    startWorker,
    attemptOf: (runId) => attempts.get(runId),
  };
}

function note(
  attempts: Map<string, { worker: WorkerProcess; attempt: number }>,
  worker: WorkerProcess,
  runId: string,
  attempt: number,
): void {
  if (attempt > (attempts.get(runId)?.attempt ?? 0)) attempts.set(runId, { worker, attempt });
}

function startApi(settings: Theatre['settings'], closing: Closing): Promise<RunningEngine> {
  const { DATABASE_URL = '', NANGO_ENCRYPTION_KEY = '', TEMPORAL_ADDRESS = '' } = settings;
  const noTls = { certFile: undefined, keyFile: undefined, caFile: undefined, apiKey: undefined };
  return startEngine({
    settings: readSettings(settings),
    parts: {
      databaseUrl: DATABASE_URL,
      encryptionKey: NANGO_ENCRYPTION_KEY,
      temporal: { ...noTls, address: TEMPORAL_ADDRESS, namespace: 'default' },
      uiUrl: undefined,
      startsTemporal: true,
    },
    roles: { api: true, actions: false, syncs: false },
    log: () => undefined,
    closing,
  });
}

async function startWorkerProcess(
  how: { readonly settings: Theatre['settings']; readonly closing: Closing; readonly nodeOptions: readonly string[] },
  onAttempt: (worker: WorkerProcess, runId: string, attempt: number) => void,
): Promise<WorkerProcess> {
  const started = Promise.withResolvers<WorkerProcess>();
  const events = new Set<string>();
  const looking = new Set<() => void>();
  const onLine = (line: string): void => {
    const { event, run, attempt } = line.startsWith('{') ? JSON.parse(line) : {};
    events.add(`${event} ${run}`);
    for (const look of looking) look();
    if (event === 'run.started') void started.promise.then((worker) => onAttempt(worker, run, attempt));
  };
  const logged = (event: string, runId: string): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (events.has(`${event} ${runId}`)) resolve();
      };
      looking.add(look);
      look();
    });
  const process = await startScript('platform/worker.ts', { ...how, ready: /"worker\.ready"/, onLine });
  const worker = { ...process, logged, signal: (name: NodeJS.Signals) => signal(process.pid, name) };
  started.resolve(worker);
  return worker;
}

/** SIGKILL for every script process of a worker; answers how many there were. */
export function killRunners(worker: { readonly pid: number }): number {
  const runners = runnersOf(worker.pid);
  for (const pid of runners) signal(pid, 'SIGKILL');
  return runners.length;
}

/** The script processes of a process, the oldest first. */
export function runnersOf(pid: number): readonly number[] {
  try {
    const found = execFileSync('pgrep', ['-P', String(pid), '-f', 'runner/main']).toString();
    return found.trim().split('\n').map(Number);
  } catch {
    // None, which pgrep says by its exit code.
    return [];
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone already.
  }
}

export function chaosProviders(url: string): string {
  const provider = (name: string, proxy: object) => ({
    display_name: name,
    categories: ['chaos'],
    auth_mode: 'API_KEY',
    proxy: {
      base_url: url,
      headers: { authorization: `Bearer \${apiKey}` },
      retry: { after: 'retry-after' },
      ...proxy,
    },
  });
  return JSON.stringify({
    [PROVIDERS.plain]: provider('Chaos', {}),
    [PROVIDERS.keyed]: provider('Chaos with keys', { idempotency_header: IDEMPOTENCY_HEADER }),
  });
}

/** Creates a connection whose API key is its own name, by which the upstream knows it. */
export async function connect(
  { caller }: Pick<Theatre, 'caller'>,
  integration: string,
  connection: string,
): Promise<void> {
  const credentials = { type: 'API_KEY', apiKey: connection };
  const body = { provider_config_key: integration, connection_id: connection, credentials };
  await call(caller, 'POST', '/connections', body);
}

/** Triggers the sync of a connection and answers the id of its run. */
export async function trigger(
  { caller }: Pick<Theatre, 'caller'>,
  sync: { readonly integration: string; readonly connection: string; readonly name: string },
): Promise<string> {
  const body = { syncs: [sync.name], provider_config_key: sync.integration, connection_id: sync.connection };
  const { runs } = await call<{ runs: { run_id: string }[] }>(caller, 'POST', '/sync/trigger', body);
  return runs[0]?.run_id ?? '';
}

const LOOK_EVERY_MS = 50;

/** A run once it has ended. @throws Error when it has not after `withinMs`. */
export async function endedRun({ caller }: Pick<Theatre, 'caller'>, runId: string, withinMs: number): Promise<Run> {
  for (const deadline = performance.now() + withinMs; ; await delay(LOOK_EVERY_MS)) {
    const run = await untilAnswered(() => call<Run>(caller, 'GET', `/runs/${runId}`));
    if (!['queued', 'running', 'waiting'].includes(run.state)) return run;
    if (performance.now() > deadline) throw new Error(`Run ${runId} is ${run.state} after ${withinMs} ms`);
  }
}

const ANSWER_WITHIN_MS = 10_000;

/** Asks again while there is no answer: a blow against Postgres hits the API too. */
export async function untilAnswered<T>(ask: () => Promise<T>, withinMs = ANSWER_WITHIN_MS): Promise<T> {
  for (const deadline = performance.now() + withinMs; ; await delay(LOOK_EVERY_MS)) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}
