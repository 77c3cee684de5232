/**
 * The topology of docker-compose.yml without Docker: Postgres, a Temporal server with its schema in it, two API processes,
 * two workers for syncs and one for actions. Each process that ends is started again, as its supervisor would.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openMigrated } from '../../platform/database.ts';
import type { Caller } from '../../platform/example.ts';
import { ensureEnvironments } from '../../platform/first-start.ts';
import { freePort } from '../../platform/ports.ts';
import type { Closing } from '../../runtime/closing.ts';
import type { Database } from '../../store/db.ts';
import { startScript } from '../process.ts';
import { type Kept, keep } from '../siege/keeper.ts';
import { isReady } from '../siege/servers.ts';
import { engineSettings, openServers, type Servers } from './servers.ts';

export type Cluster = Pick<Servers, 'postgres' | 'temporal' | 'temporalAddress' | 'temporalKind'> & {
  /** Of each API, with the key of `dev`. */
  readonly callers: readonly Caller[];
  readonly apis: readonly Kept[];
  readonly syncWorkers: readonly Kept[];
  readonly actionWorkers: readonly Kept[];
  readonly db: Database;
  readonly pids: () => Readonly<Record<string, readonly number[]>>;
  /** Resolves once every API answers that it is ready and every worker is up. */
  readonly untilReady: () => Promise<void>;
};

export async function openCluster(
  closing: Closing,
  options: {
    readonly providers: string;
    readonly say: (line: string) => void;
    readonly apis: number;
    readonly syncWorkers: number;
    readonly actionWorkers: number;
  },
): Promise<Cluster> {
  const { providers, say } = options;
  const folder = await mkdtemp(join(tmpdir(), 'nango-temporal-cluster-'));
  closing.add('the data folder', () => rm(folder, { recursive: true, force: true }));
  const servers = await openServers(closing, { folder, say });
  const { postgres, postgresUrl, temporal, temporalAddress, temporalKind, pidOf } = servers;
  const { db } = await openMigrated(postgresUrl, { max: 4, onLost: () => undefined, closing });
  const { dev = '' } = await ensureEnvironments(db, { folder: null, apiUrl: undefined, at: new Date() });
  const shared = await engineSettings(folder, servers, providers);
  const kept = (name: string, script: string, ready: RegExp, own: Readonly<Record<string, string>>): Kept => {
    const settings = { ...shared, ...own };
    return keep(name, { closing, say, start: (mine) => startScript(script, { closing: mine, ready, settings }) });
  };
  const several = (count: number, make: (at: number) => Kept): Kept[] =>
    Array.from({ length: count }, (_, at) => make(at));
  const apiPorts = await Promise.all(Array.from({ length: options.apis }, freePort));
  const apis = several(options.apis, (at) =>
    kept(`API ${at + 1}`, 'platform/api.ts', /"api\.ready"/, { SERVER_PORT: String(apiPorts[at]) }),
  );
  const worker = (role: string) => (at: number) =>
    kept(`${role} worker ${at + 1}`, 'platform/worker.ts', /"worker\.ready"/, { NANGO_WORKER_ROLES: role });
  const syncWorkers = several(options.syncWorkers, worker('syncs'));
  const actionWorkers = several(options.actionWorkers, worker('actions'));
  const callers = apiPorts.map((at) => ({ apiUrl: `http://127.0.0.1:${at}`, key: dev }));
  const untilReady = async (): Promise<void> => {
    const isUp = async (): Promise<boolean> =>
      [...apis, ...syncWorkers, ...actionWorkers].every((part) => part.pid() !== undefined) &&
      (await Promise.all(callers.map(({ apiUrl }) => isReady(apiUrl)))).every(Boolean);
    while (!(await isUp())) await delay(200);
  };
  await untilReady();
  const pidsOf = (parts: readonly Kept[]) => parts.flatMap((part) => part.pid() ?? []);
  return {
    ...{ callers, apis, syncWorkers, actionWorkers, postgres, temporal, db, untilReady },
    ...{ temporalAddress, temporalKind },
    pids: () => ({
      ...{ apis: pidsOf(apis), sync_workers: pidsOf(syncWorkers), action_workers: pidsOf(actionWorkers) },
      ...{ postgres: [pidOf('postgres')], temporal: [pidOf('temporal')] },
    }),
  };
}
