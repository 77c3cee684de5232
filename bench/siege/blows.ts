import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../chaos/random.ts';
import { killRunners } from '../chaos/theatre.ts';
import type { Fort } from './fort.ts';

type Blow = (fort: Fort, random: Random) => Promise<void>;

/** Longer than an activity's heartbeat time-out, so that another worker takes the runs over. */
const MOST_DOWN_MS = 20_000;

const downFor = (random: Random): Promise<void> => delay(random.between(0, MOST_DOWN_MS));

export const BLOWS: Readonly<Record<string, Blow>> = {
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

async function cutFor(wire: Fort['wires']['postgres'], random: Random): Promise<void> {
  wire.cut();
  await downFor(random);
  wire.mend();
}
