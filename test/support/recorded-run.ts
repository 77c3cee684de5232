/** Ended runs of real scripts with their journals, as a worker would have left them, without a worker. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import type { Host, RequestConfig } from '../../contract/host.ts';
import type { JournalEntry } from '../../contract/journal.ts';
import { guestContext } from '../../contract/script.ts';
import { hashArguments, keptArguments } from '../../sandbox/arguments.ts';
import { compileScript, packForDeploy } from '../../sandbox/compile.ts';
import { DEFAULT_LIMITS, DEPLOYED_TRAFFIC } from '../../sandbox/limits.ts';
import { createSandbox } from '../../sandbox/pool.ts';
import { encodeChunk } from '../../store/journal-codec.ts';
import { allocateActionRun } from '../../store/allocation.ts';
import { findConnection } from '../../store/connections.ts';
import { findScript } from '../../store/scripts.ts';
import { beginAttempt, countFlush, endRun } from '../../store/runs.ts';
import { NOW, type TestApi } from './api.ts';
import { action, createTracker, deployFlows, flow } from './deployment.ts';

export type RecordedScript = {
  /** The whole text of `tasks.ts`. */
  readonly source: string;
  readonly kind?: 'sync' | 'action';
  readonly input?: unknown;
  /** The upstream's body of an answer, as JSON, or a promise of it. */
  readonly answer?: (config: RequestConfig) => unknown;
  /** What `getConnection` answers with. */
  readonly credentials?: Readonly<Record<string, unknown>>;
};

/**
 * Answers a function that deploys a script as `tasks` of a new integration, runs it with a clock that moves a second with
 * each answer, and answers the id of its run, which has ended.
 */
export function useRecordedRuns(api: TestApi) {
  const sandbox = createSandbox({ maxChildren: 1 });
  let folder = '';
  afterAll(async () => {
    await sandbox.close();
    await rm(folder, { recursive: true, force: true });
  });

  return async (integration: string, script: RecordedScript): Promise<string> => {
    folder ||= await mkdtemp(join(tmpdir(), 'nango-test-recorded-'));
    await writeFile(join(folder, 'tasks.ts'), script.source);
    const bundle = await compileScript({ root: folder, file: 'tasks.ts' });
    const kind = script.kind ?? 'sync';
    await createTracker(api, integration);
    const fileBody = { js: packForDeploy(bundle), ts: script.source };
    await deployFlows(api, (kind === 'sync' ? flow : action)(integration, 'tasks', { fileBody }));
    const input = script.input === undefined ? null : JSON.stringify(script.input);
    const runId = await allocatedRun(api, integration, kind, input);
    const attempt = await beginAttempt(api.db, { runId, workflowRunId: `w-${runId}`, at: NOW });
    if (attempt === undefined) throw new Error('The run did not begin');
    const seed = api.box.open(attempt.sealedSeed);
    const entries: JournalEntry[] = [];
    let ticks = 0;
    const outcome = await sandbox.run({
      environment: 'dev',
      bundle,
      kind,
      context: guestContext(attempt, {
        environmentId: '1',
        providerConfigKey: integration,
        provider: 'tracker',
        connectionId: 'c1',
        paginate: undefined,
      }),
      input: input ?? undefined,
      seed,
      beginsAt: attempt.beginsAt,
      clock: () => {
        ticks += 1;
        return new Date(NOW.getTime() + 1_000 * ticks);
      },
      host: hostOf(script, integration),
      limits: { ...DEFAULT_LIMITS, ...DEPLOYED_TRAFFIC },
      signal: new AbortController().signal,
      journal: {
        read: async () => [],
        pending: new Map(),
        hash: hashArguments(seed),
        record: (entry) => entries.push({ ...entry, args: keptArguments(entry.kind, entry.args) }),
      },
    });
    if (outcome.status !== 'completed' && outcome.status !== 'failed') throw new Error(`It ${outcome.status}`);
    await keep(api, runId, entries);
    const failure = outcome.status === 'failed' ? { ...outcome.failure, ...outcome.failure.details } : null;
    const state = failure === null ? 'success' : 'failed';
    await endRun(api.db, { runId, fence: null, state, failure, output: null, at: NOW });
    return runId;
  };
}

async function allocatedRun(
  api: TestApi,
  integration: string,
  kind: 'sync' | 'action',
  input: string | null,
): Promise<string> {
  if (kind === 'sync') return (await api.call('GET', `/runs?provider_config_key=${integration}`)).body.runs[0].id;
  const { rows } = await api.db.query<{ id: string; name: string }>(`select id::text, name from environments`);
  const environment = rows.find(({ name }) => name === 'dev') ?? { id: '', name: '' };
  const address = { environmentId: environment.id, providerConfigKey: integration };
  const connection = await findConnection(api.db, { ...address, connectionId: 'c1' });
  const script = await findScript(api.db, { ...address, kind, name: 'tasks' });
  if (connection === undefined || script === undefined) throw new Error('The action is not deployed');
  const allocating = { box: api.box, clock: () => NOW };
  return (await allocateActionRun(api.db, allocating, { environment, script, connection, input })).runId;
}

async function keep(api: TestApi, runId: string, entries: readonly JournalEntry[]): Promise<void> {
  const place = { runId, generation: 0, chunk: 0 };
  const data = encodeChunk(api.box, place, entries);
  await countFlush(api.db, { runId, fence: 1, number: 1, requests: 0, runningMs: 0, chunk: { ...place, data } });
}

function hostOf({ answer, credentials }: RecordedScript, integration: string): Host {
  const nothing = async () => ({ value: null });
  const refused = async () => {
    throw new Error('No recorded script asks for this');
  };
  return {
    request: async ({ config }) => ({
      value: { status: 200, statusText: 'OK', headers: { 'content-type': 'application/json' } },
      body: Buffer.from(JSON.stringify((await answer?.(config)) ?? {})),
    }),
    saveRecords: nothing,
    updateRecords: nothing,
    deleteRecords: nothing,
    readRecords: async () => ({ value: { nextCursor: null } }),
    startTracking: nothing,
    deleteUnseen: async () => ({ value: { deletedKeys: [] } }),
    setMergingStrategy: nothing,
    log: nothing,
    acquireLock: async () => ({ value: true }),
    releaseLock: async () => ({ value: true }),
    getIntegration: refused,
    getEnvironmentVariables: async () => ({ value: [] }),
    uncontrolledFetch: refused,
    triggerAction: nothing,
    triggerSync: nothing,
    startSync: nothing,
    setMetadata: nothing,
    updateMetadata: nothing,
    getCheckpoint: nothing,
    saveCheckpoint: nothing,
    getConnection: async () => ({
      value: {
        id: 1,
        connection_id: 'c1',
        provider_config_key: integration,
        provider: 'tracker',
        connection_config: {},
        metadata: { team: 'blue' },
        credentials: { type: 'API_KEY', ...credentials },
        created_at: NOW.toISOString(),
        updated_at: NOW.toISOString(),
      },
    }),
  };
}
