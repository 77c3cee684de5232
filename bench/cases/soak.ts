import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import type { Closing } from '../../runtime/closing.ts';
import { type Database, openDatabase } from '../../store/db.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { eachOf } from '../each-of.ts';
import { load } from '../load.ts';
import { measureTree, total } from '../memory.ts';
import { configure, connect, connectionHeaders, deploy, MODEL, openStage, runSync, type Stage } from '../stage.ts';

const ACTION = `
export default async function runAction(nango: any, input: any) {
  await nango.get({ endpoint: '/ping' });
  return { received: input };
}`;
const SYNC = `
export default async function fetchData(nango: any) {
  const { data } = await nango.get({ endpoint: '/records', params: { limit: 100 } });
  await nango.batchSave(data.data, '${MODEL}');
}`;
const GIVE_BACK = new URL('../give-back.ts', import.meta.url).href;
const GIVING_BACK_MS = 5_000;
const CALLERS = 8;
const WITHIN_S = 120;
const UNTIL_CLOSED_S = 30;

type Held = {
  readonly pssMib: number;
  /** The same once what is no longer used has been given back to the system. */
  readonly inUseMib: number;
  readonly processes: number;
  readonly sockets: number;
  readonly leases: number;
  /** Syncs and actions that have not ended; the platform's own workflows are none of them. */
  readonly workflows: number;
};

/**
 * Many actions and sync runs in `npm start`'s process, and what it holds after a tenth of them, after half and after all.
 * Flat means: no more in use at the end than in the middle.
 */
export async function benchSoak(closing: Closing, { actions, runs, idle, say }: BenchOptions): Promise<Figures> {
  const stage = await openStage(closing, undefined, ['--import', GIVE_BACK]);
  const db = openDatabase(stage.parts.databaseUrl, { max: 1, onLost: () => undefined });
  closing.add('the database connection', () => db.end());
  const connection = await Connection.connect({ address: stage.parts.temporal.address });
  closing.add('the connection to Temporal', () => connection.close());
  const client = new Client({ connection });
  const names = Array.from({ length: CALLERS }, (_, at) => `caller-${at}`);
  for (const name of names) await connect(stage, name);
  await deploy(stage, { name: 'ping', type: 'action', source: ACTION });
  await deploy(stage, { name: 'rows', type: 'sync', source: SYNC });
  await configure(stage, { total: 100, bytes: 300, latencyMs: 0 });
  const work = async (share: number): Promise<Held> => {
    await soak(stage, names, { actions: Math.ceil(actions * share), runs: Math.ceil(runs * share) });
    await delay(idle * 1000);
    const held = { ...(await heldBy(stage.platformPid)), ...(await heldElsewhere(db, client)) };
    say(`after ${share * 100} % more: ${JSON.stringify(held)}`);
    return held;
  };
  const [tenth, half, all] = [await work(0.1), await work(0.4), await work(0.5)];
  return {
    actions,
    runs,
    tenth_mib: tenth.pssMib,
    half_mib: half.pssMib,
    end_mib: all.pssMib,
    growth_mib: all.pssMib - half.pssMib,
    half_in_use_mib: half.inUseMib,
    end_in_use_mib: all.inUseMib,
    growth_in_use_mib: all.inUseMib - half.inUseMib,
    processes_growth: all.processes - half.processes,
    sockets_growth: all.sockets - half.sockets,
    leases_left: all.leases,
    workflows_left: all.workflows,
  };
}

async function soak(
  stage: Stage,
  names: readonly string[],
  { actions, runs }: { readonly actions: number; readonly runs: number },
): Promise<void> {
  const request = {
    url: `${stage.caller.apiUrl}/action/trigger`,
    method: 'POST',
    headers: { ...connectionHeaders(stage, names[0] ?? ''), 'content-type': 'application/json' },
    body: JSON.stringify({ action_name: 'ping', input: { text: 'hello' } }),
  };
  await load(request, { clients: CALLERS, seconds: Number.POSITIVE_INFINITY, requests: actions, warmUp: 0 });
  const each = Math.ceil(runs / names.length);
  await eachOf(names, names.length, async (connection) => {
    for (let run = 0; run < each; run += 1) await runSync(stage, { name: 'rows', connection, withinS: WITHIN_S });
  });
}

async function heldBy(pid: number): Promise<Pick<Held, 'pssMib' | 'inUseMib' | 'processes' | 'sockets'>> {
  const parts = measureTree(pid);
  const sockets = parts.reduce((sum, one) => sum + socketsOf(one.pid), 0);
  process.kill(pid, 'SIGUSR2');
  await delay(GIVING_BACK_MS);
  return {
    pssMib: total(parts).pssMib,
    inUseMib: total(measureTree(pid)).pssMib,
    processes: parts.length,
    sockets,
  };
}

function socketsOf(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).filter((fd) => readlinkSync(`${folder}/${fd}`).startsWith('socket:')).length;
  } catch {
    // Descriptors and processes go away while they are counted.
    return 0;
  }
}

/** Leases, and open workflows by Temporal's list, which lags behind a little. */
async function heldElsewhere(db: Database, client: Client): Promise<Pick<Held, 'leases' | 'workflows'>> {
  const open = 'ExecutionStatus = "Running" and WorkflowType in ("syncWorkflow", "actionWorkflow")';
  const { rows } = await db.query<{ leases: number }>(
    'select count(*)::int as leases from syncs where lease_run is not null',
  );
  for (let waitedS = 0; ; waitedS += 1) {
    const { count } = await client.workflow.count(open);
    if (count === 0 || waitedS === UNTIL_CLOSED_S) return { leases: rows[0]?.leases ?? Number.NaN, workflows: count };
    await delay(1000);
  }
}
