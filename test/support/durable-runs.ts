/**
 * Runs of deployed scripts without Temporal around them: the real database, sandbox, journal and outbound calls, and a
 * clock that a wait moves on instead of taking its time. What Temporal does, begin an attempt and begin it again, is here
 * a call of the test.
 */
import { openFlushWindow } from '../../activities/flush-window.ts';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection as TemporalConnection } from '@temporalio/client';
import { runAttempt } from '../../activities/attempt.ts';
import type { AttemptResult } from '../../activities/finish.ts';
import { type Dependencies, JOURNAL_LIMITS, type ScriptLimits } from '../../activities/dependencies.ts';
import { openRunControl } from '../../activities/run-control.ts';
import { untilStored } from '../../activities/store-retry.ts';
import { UNTRACED } from '../../contract/tracing.ts';
import { createAuthorizer } from '../../outbound/auth/authorizer.ts';
import { loadProviders } from '../../outbound/catalogue.ts';
import { createDelivery } from '../../outbound/delivery.ts';
import { createOutbound } from '../../outbound/request.ts';
import type { Closing } from '../../runtime/closing.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { compileScript } from '../../sandbox/compile.ts';
import { createSandbox, type Sandbox } from '../../sandbox/pool.ts';
import { allocateSyncRun } from '../../store/allocation.ts';
import { findConnection, saveConnection } from '../../store/connections.ts';
import { createCredentialVault } from '../../store/credentials.ts';
import type { Database } from '../../store/db.ts';
import { ensureEnvironment } from '../../store/environments.ts';
import { createIntegration } from '../../store/integrations.ts';
import { beginAttempt, type StoredFailure } from '../../store/runs.ts';
import { saveBundle } from '../../store/scripts.ts';
import { createSecretBox } from '../../store/secret-box.ts';
import { addSync, syncById } from '../../store/syncs.ts';
import { seedScript } from './rows.ts';

export type DurableRuns = {
  readonly deps: Dependencies;
  readonly sandbox: Sandbox;
  readonly now: () => Date;
  /** Moves the clock, never back. */
  readonly moveTo: (time: Date) => void;
  /** Deploys a sync of model Task to the connection, which is made when it is not there; answers the sync's id. */
  readonly deploy: (sync: { name: string; source: string; connection?: string }) => Promise<string>;
  /** Gives the connection these credentials. */
  readonly connect: (connection: string, apiKey: string) => Promise<void>;
  /** Allocates a run; nothing of it runs yet. */
  readonly allocate: (syncId: string) => Promise<string>;
  /** Begins an attempt of a run, as an activity does, and lets it come to its end, its wait or its stop. */
  readonly attempt: (runId: string, by?: { stop?: AbortSignal; sandbox?: Sandbox }) => Promise<AttemptResult>;
  /** Attempts of a run until it has ended, each after the wait of the one before. */
  readonly finish: (runId: string) => Promise<EndedRun>;
  /** A new run of the sync, to its end. */
  readonly run: (syncId: string) => Promise<EndedRun>;
  /** What is stored of a run. */
  readonly inspect: (runId: string) => Promise<InspectedRun>;
  /** Records of the connection's model Task, live ones, by id. */
  readonly records: (connection?: string) => Promise<Record<string, unknown>[]>;
};

export type EndedRun = {
  readonly runId: string;
  readonly state: 'success' | 'failed';
  readonly failure: StoredFailure | null;
  /** The waits on the way, with how long each was, in whole seconds. */
  readonly waits: readonly { readonly seconds: number; readonly reason: string }[];
};

export type InspectedRun = {
  readonly state: string;
  readonly generation: number;
  readonly journalBytes: number;
  readonly requests: number;
  readonly chunks: number;
  readonly counts: { readonly added: number; readonly updated: number; readonly deleted: number };
  /** What the script logged; the engine's own lines about waits are left out. */
  readonly logs: readonly string[];
};

const LIMITS: ScriptLimits = {
  memoryMb: 128,
  cpuMs: 10_000,
  syncWallClockMs: 300_000,
  actionWallClockMs: 60_000,
  maxIdleStarts: 20,
  calledActions: 100,
  rooms: { connection: 100, integration: 100, environment: 100 },
  sliceMs: 300_000,
  backOffAfter: 5,
  journal: JOURNAL_LIMITS,
};
export const CONNECTION = 'acme';

/** @param options.providers entries of a providers file; the integration is one of `example`. */
export async function openDurableRuns(options: {
  readonly db: Database;
  readonly closing: Closing;
  readonly providers: Readonly<Record<string, unknown>>;
  readonly clock?: () => Date;
  readonly client?: Client;
  readonly limits?: Partial<ScriptLimits>;
  readonly sandbox?: Sandbox;
}): Promise<DurableRuns> {
  const { db, closing } = options;
  let offsetMs = 0;
  const now = options.clock ?? (() => new Date(Date.now() + offsetMs));
  const folder = await mkdtemp(join(tmpdir(), 'nango-test-runs-'));
  closing.add('the folder', () => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'providers.yaml');
  await writeFile(file, JSON.stringify(options.providers));
  const box = createSecretBox(randomBytes(32).toString('base64'));
  const catalogue = loadProviders({ file });
  const outbound = createOutbound({ catalogue, allow: ['127.0.0.1'], clock: now, maxResponseBytes: 50 * 1024 * 1024 });
  closing.add('outbound', outbound.close);
  const delivery = createDelivery({ allow: ['127.0.0.1'], answerTimeoutMs: 5_000 });
  closing.add('webhooks', delivery.close);
  const vault = createCredentialVault({ db, holds: db, box });
  const { keeper, close } = createAuthorizer({ vault, catalogue, allow: [], clock: now, log: () => undefined });
  closing.add('the authorizer', close);
  const sandbox = options.sandbox ?? createSandbox();
  closing.add('the sandbox', sandbox.close);
  const control = openRunControl({ db, log: () => undefined });
  closing.add('the listener for runs', control.close);
  const deps: Dependencies = {
    ...{ db, box, sandbox, control, outbound, keeper, delivery, catalogue, clock: now },
    limits: { ...LIMITS, ...options.limits },
    journals: { keep: 'failed', days: 7 },
    logDays: 15,
    runDays: 0,
    client: options.client ?? new Client({ connection: TemporalConnection.lazy() }),
    startSync: async () => undefined,
    startAction: async () => undefined,
    startDelivery: async () => undefined,
    runAction: async () => undefined,
    reconcile: async () => undefined,
    log: () => undefined,
    meter: createMetrics(),
    flushWindow: openFlushWindow(),
    tracing: UNTRACED,
    processQueue: 'unused',
    publicUrl: () => 'http://localhost:3003',
  };
  const at = now();
  const { id: environmentId } = await ensureEnvironment(db, 'dev', at);
  const tracker = { environmentId, uniqueKey: 'tracker', provider: 'example', displayName: null };
  const { id: integrationId } = await createIntegration(db, { ...tracker, sealedCredentials: null, at });
  const place: Place = { deps, folder, environmentId, integrationId };
  const moveTo = (time: Date): void => {
    offsetMs = Math.max(offsetMs, time.getTime() - Date.now());
  };

  const attempt: DurableRuns['attempt'] = async (runId, by = {}) => {
    const { stop = new AbortController().signal, sandbox: other = sandbox } = by;
    const workflowRunId = randomUUID();
    const begun = await untilStored(() => beginAttempt(db, { runId, workflowRunId, at: now() }), stop);
    if (begun === undefined) throw new Error(`Run '${runId}' cannot be begun`);
    const watched = control.watch(runId);
    const supervision = { signal: stop, watched, onEnd: async () => undefined };
    return runAttempt({ ...deps, sandbox: other }, begun, supervision).finally(watched.end);
  };
  const finish: DurableRuns['finish'] = async (runId) => {
    const waits: { seconds: number; reason: string }[] = [];
    for (;;) {
      const begunAt = now().getTime();
      const result = await attempt(runId);
      if (result.status === 'stopped') throw new Error('Nobody stopped it');
      if (result.status === 'ended') return { runId, state: result.state, failure: result.failure, waits };
      if (result.status !== 'waiting') throw new Error('Nobody interrupted it');
      const { resumeAt, reason } = result;
      waits.push({ seconds: Math.round((resumeAt.getTime() - begunAt) / 1000), reason });
      moveTo(resumeAt);
    }
  };
  const allocate = (syncId: string) => allocateRun(deps, syncId);
  return {
    ...{ deps, sandbox, now, moveTo, attempt, finish, allocate },
    deploy: (sync) => deploySync(place, sync),
    connect: async (connection, apiKey) => void (await connect(place, connection, apiKey)),
    run: async (syncId) => finish(await allocate(syncId)),
    inspect: (runId) => inspectRun(db, runId),
    records: (connection = CONNECTION) => readRecords(place, connection),
  };
}

type Place = {
  readonly deps: Dependencies;
  readonly folder: string;
  readonly environmentId: string;
  readonly integrationId: string;
};

async function connect({ deps, environmentId, integrationId }: Place, connectionId: string, apiKey: string) {
  const sealedCredentials = deps.box.seal(JSON.stringify({ type: 'API_KEY', apiKey }));
  const common = { environmentId, integrationId, connectionId, connectionConfig: {}, metadata: undefined };
  return saveConnection(deps.db, { ...common, sealedCredentials, at: deps.clock() });
}

async function deploySync(
  place: Place,
  { name, source, connection = CONNECTION }: Parameters<DurableRuns['deploy']>[0],
): Promise<string> {
  const { deps, folder, environmentId } = place;
  const { db } = deps;
  const at = deps.clock();
  await writeFile(join(folder, `${name}.ts`), source);
  const bundle = await compileScript({ root: folder, file: `${name}.ts` });
  const bundleHash = await saveBundle(db, bundle, at);
  const { id: connectionRow } = await connect(place, connection, 'first');
  const daily = { runs: 'every day', intervalMs: 86_400_000 };
  const scriptId = await seedScript(db, place, { name, bundleHash, ...daily, at });
  const address = { environment: 'dev', integration: 'tracker', connection, sync: name, variant: 'base' };
  const id = await addSync(db, environmentId, { ...address, connectionRow, scriptId, autoStart: true }, at);
  if (id === undefined) throw new Error(`Sync '${name}' was there already`);
  return id;
}

async function allocateRun(deps: Dependencies, syncId: string): Promise<string> {
  const sync = await syncById(deps.db, syncId);
  if (sync === undefined) throw new Error(`Sync '${syncId}' is not there`);
  return (await allocateSyncRun(deps.db, deps, sync, 'api')).runId;
}

async function inspectRun(db: Database, runId: string): Promise<InspectedRun> {
  const { rows } = await db.query<InspectedRun>(
    `select state, generation, journal_bytes::float8 as "journalBytes", requests,
       (select count(*)::int from journal_chunks where run_id = r.id) as chunks,
       (select json_build_object('added', coalesce(sum(added), 0), 'updated', coalesce(sum(updated), 0),
          'deleted', coalesce(sum(deleted), 0)) from run_counts where run_id = r.id) as counts,
       (select coalesce(json_agg(message order by seq), '[]') from run_logs
        where run_id = r.id and message not like 'The run waits until %') as logs
     from runs r where id = $1::text`,
    [runId],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`Run '${runId}' is not there`);
  return row;
}

async function readRecords({ deps, environmentId }: Place, connectionId: string): Promise<Record<string, unknown>[]> {
  const found = await findConnection(deps.db, { environmentId, providerConfigKey: 'tracker', connectionId });
  const { rows } = await deps.db.query<{ payload: Record<string, unknown> }>(
    `select r.payload from records r join record_heads h on h.id = r.head_id
     where h.connection_id = $1::bigint and h.model = 'Task' and r.deleted_at is null
     order by r.seq`,
    [found?.id],
  );
  return rows.map(({ payload }) => payload);
}
