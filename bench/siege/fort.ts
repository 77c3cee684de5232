/**
 * The platform as a cluster runs it, each part a process: Postgres, Temporal, an API and two workers, which reach the
 * servers over wires that can be cut; if wanted a third with a network and a clock of its own. Every process that ends is started
 * again, as its supervisor would.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openMigrated } from '../../platform/database.ts';
import type { Caller } from '../../platform/example.ts';
import { ensureEnvironments } from '../../platform/first-start.ts';
import { freePort } from '../../platform/ports.ts';
import { startPostgres } from '../../platform/postgres.ts';
import { startTemporal } from '../../platform/temporal-server.ts';
import type { Closing } from '../../runtime/closing.ts';
import type { Database } from '../../store/db.ts';
import { startScript } from '../process.ts';
import { type Kept, keep } from './keeper.ts';
import { type Apart, HERE, openApart } from './apart.ts';
import { type Disk, openDisk } from './disk.ts';
import { isReady, keepServer, type Struck } from './servers.ts';
import { openWire, type Wire } from './wire.ts';

export type Fort = {
  readonly caller: Caller;
  /** Past the wires, for looking at what is stored and for cutting others' connections. */
  readonly db: Database;
  readonly api: Kept;
  readonly workers: readonly Kept[];
  readonly postgres: Struck;
  readonly temporal: Struck;
  readonly wires: { readonly postgres: Wire; readonly temporal: Wire };
  /** Where the last of the workers runs, if wanted. */
  readonly apart: Apart;
  /** What Postgres keeps its data on, where it can be filled. */
  readonly disk: Disk | undefined;
  /** Resolves once the API answers that it is ready. */
  readonly untilReady: () => Promise<void>;
};

const WORKERS = 2;
const NAMESPACE = 'default';

export async function openFort(
  closing: Closing,
  options: {
    /** The text of the providers' file, by where the upstream is reached from every part. */
    readonly providers: (host: string) => string;
    readonly say: (line: string) => void;
    /** With a third worker on a machine apart, and a disk that can be full. @default false */
    readonly isHard?: boolean;
  },
): Promise<Fort> {
  const { providers, say, isHard = false } = options;
  const folder = await mkdtemp(join(tmpdir(), 'nango-temporal-siege-'));
  closing.add('the data folder', () => rm(folder, { recursive: true, force: true }));
  const apart = isHard ? openApart(closing, { folder }) : HERE;
  const disk = isHard ? await openDisk(closing, join(folder, 'postgres')) : undefined;
  const { host } = apart;
  const [postgresPort, port, uiPort] = [await freePort(), await freePort(), await freePort()];
  const postgres = await keepServer(closing, join(folder, 'postgres.pid'), () =>
    startPostgres({ folder: join(folder, 'postgres'), port: postgresPort, password: 'siege', durable: true }),
  );
  const temporal = await keepServer(closing, join(folder, 'temporal.pid'), () =>
    startTemporal({ folder: join(folder, 'temporal'), port, uiPort, namespace: NAMESPACE }),
  );
  const { db } = await openMigrated(urlOf(postgresPort), { max: 4, onLost: () => undefined, closing });
  const { dev = '' } = await ensureEnvironments(db, { folder: null, apiUrl: undefined, at: new Date() });
  const wires = {
    postgres: await openWire(closing, { host, port: postgresPort }),
    temporal: await openWire(closing, { host, port }),
  };
  const settings = {
    DATABASE_URL: urlOf(wires.postgres.port, host),
    TEMPORAL_ADDRESS: `${host}:${wires.temporal.port}`,
    NANGO_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    NANGO_PROVIDERS_FILE: join(folder, 'providers.yaml'),
    NANGO_OUTBOUND_ALLOW: `127.0.0.1,${host}`,
    NANGO_DATA_DIR: folder,
    SERVER_PORT: String(await freePort()),
  };
  await writeFile(settings.NANGO_PROVIDERS_FILE, providers(host));
  const kept = (name: string, script: string, ready: RegExp, where?: Pick<Apart, 'behind' | 'environment'>): Kept => {
    const given = { ready, settings: { ...settings, ...where?.environment }, behind: where?.behind ?? [] };
    return keep(name, { closing, say, start: (own) => startScript(script, { closing: own, ...given }) });
  };
  const api = kept('API', 'platform/api.ts', /"api\.ready"/);
  const worker = (name: string, where?: Apart): Kept => kept(name, 'platform/worker.ts', /"worker\.ready"/, where);
  const workers = Array.from({ length: WORKERS }, (_, at) => worker(`worker ${at + 1}`));
  if (isHard) workers.push(worker('worker apart', apart));
  const caller = { apiUrl: `http://127.0.0.1:${settings.SERVER_PORT}`, key: dev };
  const untilReady = async (): Promise<void> => {
    // Its port may have been given to somebody else meanwhile, who is ready as well.
    while (api.pid() === undefined || !(await isReady(caller.apiUrl))) await delay(200);
  };
  await untilReady();
  return { caller, db, api, workers, postgres, temporal, wires, apart, disk, untilReady };
}

function urlOf(port: number, host = '127.0.0.1'): string {
  return `postgres://nango:siege@${host}:${port}/postgres`;
}
