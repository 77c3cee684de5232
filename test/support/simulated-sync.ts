import { afterAll, beforeAll } from '@jest/globals';
import { createActivities } from '../../activities/index.ts';
import type { SyncResult } from '../../contract/sync.ts';
import { type Closing, createClosing } from '../../runtime/closing.ts';
import type { syncWorkflow } from '../../workflows/index.ts';
import { useDatabase } from './database.ts';
import { type DurableRuns, openDurableRuns } from './durable-runs.ts';
import { useTimeSkipping } from './time-skipping.ts';

export type SimulatedSync = {
  /** The clock of server and activities; it stands on the server's time of the last start of the script. */
  readonly now: () => Date;
  readonly sleep: (time: '1 day' | '1 hour') => Promise<void>;
  /** One run as a schedule would start it, to its end, its waits skipped; answers its row's times beside its result. */
  readonly run: () => Promise<{
    readonly result: SyncResult;
    readonly runId: string;
    readonly startedAt: Date;
    readonly lastSyncDate: Date | null;
  }>;
  readonly runs: DurableRuns;
};

/**
 * A deployed sync of one connection on simulated time: real activities, database and sandbox, and one clock for all of
 * them, which moves with the server's.
 * @param options.proxy the proxy part of the sync's provider.
 * @param options.beforeScript is awaited each time the script is about to be run or to go on.
 */
export function useSimulatedSync(options: {
  readonly source: () => string;
  readonly proxy: () => Readonly<Record<string, unknown>>;
  readonly beforeScript?: (runs: DurableRuns) => Promise<void>;
}): SimulatedSync {
  const time = useTimeSkipping();
  const database = useDatabase();
  let closing: Closing = createClosing();
  let offsetMs = 0;
  let opened: { readonly runs: DurableRuns; readonly syncId: string } | undefined;
  const now = () => new Date(Date.now() + offsetMs);
  const readServerClock = async () => {
    offsetMs = (await time.env.currentTimeMs()) - Date.now();
  };
  const there = () => {
    if (opened === undefined) throw new Error('The sync is there from beforeAll on');
    return opened;
  };

  beforeAll(async () => {
    closing = createClosing();
    await readServerClock();
    const providers = { example: { auth_mode: 'API_KEY', proxy: options.proxy() } };
    const { client } = time.env;
    const runs = await openDurableRuns({ db: database.pool, closing, providers, clock: now, client });
    opened = { runs, syncId: await runs.deploy({ name: 'tasks', source: options.source() }) };
  });
  afterAll(() => closing.run());

  const run: SimulatedSync['run'] = async () => {
    const { runs, syncId } = there();
    const activities = createActivities(runs.deps);
    const runScript: typeof activities.runScript = async (input) => {
      await readServerClock();
      await options.beforeScript?.(runs);
      return activities.runScript(input);
    };
    return time.withWorker({ ...activities, runScript }, async (taskQueue) => {
      const start = { workflowId: 'sync:tasks', taskQueue, args: [{ syncId }] as [{ syncId: string }] };
      const result = await time.env.client.workflow.execute<typeof syncWorkflow>('syncWorkflow', start);
      const { rows } = await database.pool.query<{ runId: string; startedAt: Date; lastSyncDate: Date | null }>(
        `select id as "runId", started_at as "startedAt", last_sync_date as "lastSyncDate"
         from runs order by created_at desc limit 1`,
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
    get runs() {
      return there().runs;
    },
  };
}
