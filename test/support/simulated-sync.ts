import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import { Client } from '@temporalio/client';
import { createActivities, type Dependencies } from '../../activities/index.ts';
import type { SyncResult } from '../../contract/sync.ts';
import { loadProviders } from '../../outbound/catalogue.ts';
import { createAuthorizer } from '../../outbound/auth/authorizer.ts';
import { createOutbound } from '../../outbound/request.ts';
import { type ExampleUpstream, exampleProviders, startExampleUpstream } from '../../platform/example-upstream.ts';
import { type Closing, createClosing } from '../../runtime/closing.ts';
import { compileScript } from '../../sandbox/compile.ts';
import { createSandbox } from '../../sandbox/pool.ts';
import { createIntegration } from '../../store/integrations.ts';
import { saveConnection } from '../../store/connections.ts';
import { ensureEnvironment } from '../../store/environments.ts';
import { createCredentialVault } from '../../store/credentials.ts';
import { saveBundle, saveScript } from '../../store/scripts.ts';
import { createSecretBox } from '../../store/secret-box.ts';
import { addSync } from '../../store/syncs.ts';
import type { syncWorkflow } from '../../workflows/index.ts';
import { useDatabase } from './database.ts';
import { useTimeSkipping } from './time-skipping.ts';

export type SimulatedSync = {
  readonly upstream: ExampleUpstream;
  /** The clock of server, activities and upstream. */
  readonly now: () => Date;
  readonly sleep: (time: '1 day' | '1 hour') => Promise<void>;
  /** One run as a schedule would start it, to its end; answers its row's times beside its result. */
  readonly run: () => Promise<{
    readonly result: SyncResult;
    readonly startedAt: Date;
    readonly lastSyncDate: Date | null;
  }>;
};

/**
 * A deployed sync of one connection on simulated time: real activities, database, sandbox and upstream, and one clock
 * for all of them, which moves with the server's.
 */
export function useSimulatedSync(source: string): SimulatedSync {
  const time = useTimeSkipping();
  const database = useDatabase();
  let closing: Closing = createClosing();
  let upstream: ExampleUpstream | undefined;
  let offsetMs = 0;
  let syncId = '';
  let deps: Dependencies | undefined;
  const now = () => new Date(Date.now() + offsetMs);
  const readServerClock = async () => {
    offsetMs = (await time.env.currentTimeMs()) - Date.now();
  };
  const box = createSecretBox(randomBytes(32).toString('base64'));
  let folder = '';

  beforeAll(async () => {
    closing = createClosing();
    folder = await mkdtemp(join(tmpdir(), 'nango-test-simulated-'));
    closing.add('the folder', () => rm(folder, { recursive: true, force: true }));
    await readServerClock();
    upstream = await startExampleUpstream({ clock: now });
    closing.add('the upstream', upstream.close);
    await writeFile(join(folder, 'providers.yaml'), exampleProviders(upstream.url));
    syncId = await deploy();
    deps = dependencies();
  });
  afterAll(() => closing.run());

  const deploy = async (): Promise<string> => {
    const db = database.pool;
    const at = now();
    await writeFile(join(folder, 'tasks.ts'), source);
    const bundle = await compileScript({ root: folder, file: 'tasks.ts' });
    await saveBundle(db, bundle, at);
    const { id: environmentId } = await ensureEnvironment(db, 'dev', at);
    const tracker = { environmentId, uniqueKey: 'tracker', provider: 'example-tracker', displayName: null };
    const { id: integrationId } = await createIntegration(db, { ...tracker, sealedCredentials: null, at });
    const { id: connectionRow } = await saveConnection(db, {
      environmentId,
      integrationId,
      connectionId: 'acme',
      sealedCredentials: box.seal(JSON.stringify({ type: 'API_KEY', apiKey: 'any' })),
      connectionConfig: {},
      metadata: undefined,
      at,
    });
    const scriptId = await saveScript(db, {
      ...{ environmentId, integrationId, kind: 'sync', name: 'tasks', version: '1', bundleHash: bundle.hash },
      ...{ source: null, description: null, models: ['Task'], runs: 'every day', intervalMs: 86_400_000 },
      ...{ syncType: 'incremental', trackDeletes: false, autoStart: true, inputModel: null, jsonSchema: undefined, at },
    });
    const address = { environment: 'dev', integration: 'tracker', connection: 'acme', sync: 'tasks', variant: 'base' };
    const id = await addSync(db, environmentId, { ...address, connectionRow, scriptId, autoStart: true }, at);
    if (id === undefined) throw new Error('The sync was there already');
    return id;
  };

  const dependencies = (): Dependencies => {
    const catalogue = loadProviders({ file: join(folder, 'providers.yaml') });
    const outbound = createOutbound({ catalogue, allow: ['127.0.0.1'], clock: now, maxResponseBytes: 1_000_000 });
    const sandbox = createSandbox();
    const limits = { memoryMb: 64, cpuMs: 5_000, syncWallClockMs: 60_000, actionWallClockMs: 60_000, maxAttempts: 20 };
    closing.add('outbound', outbound.close);
    closing.add('the sandbox', sandbox.close);
    // Its own client does not move the clock while it waits for a result.
    const client = new Client({ connection: time.env.connection });
    const common = { db: database.pool, box, sandbox, outbound, catalogue, client, limits, clock: now };
    const vault = createCredentialVault({ db: database.pool, holds: database.pool, box });
    const log = () => undefined;
    const { keeper, close } = createAuthorizer({ vault, catalogue, allow: [], clock: now, log });
    closing.add('the authorizer', close);
    return { ...common, keeper, startSync: async () => undefined, log, processQueue: 'unused' };
  };

  const run: SimulatedSync['run'] = async () => {
    await readServerClock();
    if (deps === undefined) throw new Error('The sync is there from beforeAll on');
    const { client } = deps;
    return time.withWorker(createActivities(deps), async (taskQueue) => {
      const options = { workflowId: 'sync:tasks', taskQueue, args: [{ syncId }] as [{ syncId: string }] };
      const result = await client.workflow.execute<typeof syncWorkflow>('syncWorkflow', options);
      const { rows } = await database.pool.query<{ startedAt: Date; lastSyncDate: Date | null }>(
        `select started_at as "startedAt", last_sync_date as "lastSyncDate" from runs order by created_at desc limit 1`,
      );
      const [row] = rows;
      if (row === undefined) throw new Error('The run left no row');
      return { result, ...row };
    });
  };
  return {
    now,
    run,
    sleep: (duration) => time.env.sleep(duration),
    get upstream() {
      if (upstream === undefined) throw new Error('The upstream is there from beforeAll on');
      return upstream;
    },
  };
}
