import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../chaos/random.ts';
import { killRunners } from '../chaos/theatre.ts';
import type { Fort } from './fort.ts';

type Blow = (fort: Fort, random: Random) => Promise<void>;

/** Longer than an activity's heartbeat time-out, so that another worker takes the runs over. */
const MOST_DOWN_MS = 20_000;
const JUMPS_S = [3_600, -3_600, 86_400, -86_400, 30, -30] as const;

const downFor = (random: Random): Promise<void> => delay(random.between(0, MOST_DOWN_MS));

const BLOWS: Readonly<Record<string, Blow>> = {
  script: async ({ workers }, random) => {
    const pid = workers[random.int(workers.length)]?.pid();
    if (pid !== undefined) killRunners({ pid });
  },
  worker: async ({ workers }, random) => workers[random.int(workers.length)]?.signal('SIGKILL'),
  'all workers': async ({ workers }) => {
    for (const worker of workers) worker.signal('SIGKILL');
  },
  roll: async ({ workers }, random) => workers[random.int(workers.length)]?.signal('SIGTERM'),
  freeze: async ({ workers }, random) => {
    const worker = workers[random.int(workers.length)];
    worker?.signal('SIGSTOP');
    await downFor(random);
    worker?.signal('SIGCONT');
  },
  api: async ({ api }) => api.signal('SIGKILL'),
  temporal: async ({ temporal }, random) => {
    await temporal.kill();
    await downFor(random);
    await temporal.start();
  },
  postgres: async ({ postgres }, random) => {
    await postgres.kill();
    await downFor(random);
    await postgres.start();
  },
  backends: async ({ db }) => {
    const text = `select pg_terminate_backend(pid) from pg_stat_activity
      where pid <> pg_backend_pid() and application_name = 'nango-temporal'`;
    await db.query(text).catch(() => undefined);
  },
  'wire to Postgres': ({ wires }, random) => cutFor(wires.postgres, random),
  'wire to Temporal': ({ wires }, random) => cutFor(wires.temporal, random),
};

/** Those that need root, or something that not every machine has. */
const DEMANDING: Readonly<Record<string, { readonly blow: Blow; readonly isPossible: (fort: Fort) => boolean }>> = {
  'network of a worker': {
    isPossible: ({ apart }) => apart.line !== undefined,
    blow: async ({ apart }, random) => {
      apart.line?.cut();
      await downFor(random);
      apart.line?.mend();
    },
  },
  'clock of a worker': {
    isPossible: ({ apart }) => apart.setClock !== undefined,
    blow: async ({ apart }, random) => {
      apart.setClock?.(random.pick(JUMPS_S));
      await downFor(random);
      apart.setClock?.(0);
    },
  },
  'full disk': {
    isPossible: ({ disk }) => disk !== undefined,
    blow: async ({ disk, postgres }, random) => {
      disk?.fill();
      await downFor(random);
      disk?.empty();
      // Where its log found no room it has stopped, or is about to.
      await postgres.kill().catch(() => undefined);
      await postgres.start();
    },
  },
};

/** Which blows this machine allows, and the names of the others. */
export function blowsOn(fort: Fort): {
  readonly possible: Readonly<Record<string, Blow>>;
  readonly impossible: readonly string[];
} {
  const demanding = Object.entries(DEMANDING);
  const allowed = demanding.filter(([, { isPossible }]) => isPossible(fort)).map(([name, { blow }]) => [name, blow]);
  return {
    possible: { ...BLOWS, ...Object.fromEntries(allowed) },
    impossible: demanding.filter(([, { isPossible }]) => !isPossible(fort)).map(([name]) => name),
  };
}

async function cutFor(wire: Fort['wires']['postgres'], random: Random): Promise<void> {
  wire.cut();
  await downFor(random);
  wire.mend();
}
