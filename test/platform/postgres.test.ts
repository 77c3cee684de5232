import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { freePort } from '../../platform/ports.ts';
import { postgresHome, startPostgres } from '../../platform/postgres.ts';
import { openDatabase } from '../../store/db.ts';

test.each([
  ['a Unix socket', 'data', null],
  ['TCP, where its folder has a name too long for a socket', 'd'.repeat(100), '127.0.0.1'],
])('the embedded Postgres is talked to by %s, and listens on loopback', async (_way, name, address) => {
  const parent = await mkdtemp(join(tmpdir(), 'nango-temporal-postgres-'));
  // Open to the user that Postgres runs as where the tests run as root.
  await chmod(parent, 0o755);
  const folder = join(parent, name);
  const server = await startPostgres({ folder, port: await freePort(), password: 'secret', durable: false });
  try {
    expect(await addressOf(server.url)).toBe(address);
    expect(await addressOf(server.url.replace(/\?.*/, ''))).toBe('127.0.0.1');
  } finally {
    await server.stop();
    for (const each of [await postgresHome(folder), parent]) await rm(each, { recursive: true, force: true });
  }
});

/** Where the server hears the connection: null on a Unix socket. */
async function addressOf(url: string): Promise<string | null> {
  const db = openDatabase(url, { max: 1, onLost: () => undefined });
  const { rows } = await db.query<{ address: string | null }>('select host(inet_server_addr()) as address');
  await db.end();
  return rows[0]?.address ?? null;
}
