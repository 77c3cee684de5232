/** Many syncs at once on one worker: each of a connection of its own, since a connection's limits hold for all its runs. */
import { setTimeout as delay } from 'node:timers/promises';
import { call } from '../platform/example.ts';
import type { Closing } from '../runtime/closing.ts';
import { openOwnTheatre } from './chaos/own-theatre.ts';
import { connect, PROVIDERS, type Theatre, trigger, type WorkerProcess } from './chaos/theatre.ts';
import { eachOf } from './each-of.ts';
import { measureTree, total } from './memory.ts';

export type Memory = { readonly pssMib: number; readonly processes: number };

export type Crowd = {
  readonly theatre: Theatre;
  readonly worker: WorkerProcess;
  /** Triggers the sync of the first so many connections and answers the ids of their runs. */
  readonly triggerFirst: (name: string, count: number) => Promise<readonly string[]>;
  /** How many of all runs are in each state. */
  readonly states: () => Promise<Readonly<Record<string, number>>>;
  /** Resolves when none of all runs is in one of these states. @throws Error after `withinS`. */
  readonly untilNone: (states: readonly string[], withinS: number) => Promise<void>;
  /** Memory (PSS) of the worker and of its script processes, and how many processes they are. */
  readonly memory: () => Memory;
  /** The same once what they no longer use has been given back to the system. */
  readonly memoryInUse: () => Promise<Memory>;
};

const INTEGRATION = 'crowd';
const AT_ONCE = 8;
const LOOK_EVERY_MS = 200;
const GIVE_BACK = new URL('give-back.ts', import.meta.url).href;
const GIVING_BACK_MS = 5_000;

export async function openCrowd(
  closing: Closing,
  { connections, scripts }: { readonly connections: number; readonly scripts: Readonly<Record<string, string>> },
): Promise<Crowd> {
  const settings = { NANGO_SYNC_SLOTS: String(connections) };
  const theatre = await openOwnTheatre(closing, { workers: 0, settings });
  const { caller, engine } = theatre;
  await call(caller, 'POST', '/integrations', { unique_key: INTEGRATION, provider: PROVIDERS.plain });
  const names = Array.from({ length: connections }, (_, at) => `member-${at}`);
  await eachOf(names, AT_ONCE, (name) => connect(theatre, INTEGRATION, name));
  for (const [name, source] of Object.entries(scripts)) await theatre.deploy(INTEGRATION, { name, source });
  const worker = await theatre.startWorker(['--import', GIVE_BACK]);
  const states = async (): Promise<Readonly<Record<string, number>>> => {
    const text = 'select state, count(*)::int as count from runs group by state';
    const { rows } = await engine.db.query<{ state: string; count: number }>(text);
    return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
  };
  const memory = (): Memory => {
    const parts = measureTree(worker.pid);
    return { pssMib: total(parts).pssMib, processes: parts.length };
  };
  return {
    theatre,
    worker,
    states,
    triggerFirst: (name, count) =>
      eachOf(names.slice(0, count), AT_ONCE, (connection) =>
        trigger(theatre, { integration: INTEGRATION, connection, name }),
      ),
    untilNone: async (unwanted, withinS) => {
      for (const deadline = performance.now() + withinS * 1000; ; await delay(LOOK_EVERY_MS)) {
        const counts = await states();
        if (unwanted.every((state) => (counts[state] ?? 0) === 0)) return;
        if (performance.now() > deadline) throw new Error(`After ${withinS} s runs are ${JSON.stringify(counts)}`);
      }
    },
    memory,
    memoryInUse: async () => {
      worker.signal('SIGUSR2');
      await delay(GIVING_BACK_MS);
      return memory();
    },
  };
}
