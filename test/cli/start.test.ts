import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { postgresHome } from '../../platform/postgres.ts';
import { runCli, startCli, useFolders } from '../support/cli.ts';

const folders = useFolders();
const ANY_PORTS = {
  SERVER_PORT: '0',
  TEMPORAL_UI_PORT: '0',
  PATH: process.env['PATH'] ?? '',
  HOME: process.env['HOME'] ?? '',
};

test('nango start runs the platform where it is called, and init beside it finds its keys', async () => {
  const cwd = await folders.create();
  const platform = startCli(['start'], { cwd, env: ANY_PORTS });
  await platform.see(/Ready\. Ctrl-C stops it\./);
  const url = /REST API +(http:\S+)/.exec(platform.shown())?.[1] ?? '';
  expect(await (await fetch(url)).json()).toMatchObject({ name: 'nango-temporal' });
  const { stdout } = await runCli(['init'], { cwd });
  expect(stdout).not.toMatch(/start|put the secret keys/);
  const keys = await readFile(join(cwd, 'nango-integrations', '.env'), 'utf8');
  expect(keys).toMatch(
    new RegExp(`^NANGO_SECRET_KEY_DEV=\\S+$[\\s\\S]*^NANGO_HOSTPORT=${url}$|^NANGO_HOSTPORT=${url}$`, 'm'),
  );
  const doctor = await runCli(['doctor', '--json'], { cwd: join(cwd, 'nango-integrations') });
  const states = JSON.parse(doctor.stdout).checks.map(
    (check: { what: string; state: string }) => `${check.what} ${check.state}`,
  );
  expect(states).toEqual(['CLI ok', 'Project ok', 'Server ok', 'Parts ok', 'Secret key ok', 'Integrations warning']);
  platform.interrupt();
  expect((await platform.ended).code).toBe(0);
  // As root, Postgres keeps its data elsewhere.
  await rm(await postgresHome(join(cwd, '.local', 'postgres')), { recursive: true, force: true });
}, 120_000);

test('a platform that cannot be started is 1, and what it says is passed on', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const cwd = await folders.create();
  const { code, stderr } = await runCli(['start'], { cwd, env: { ...ANY_PORTS, SERVER_PORT: String(port) } });
  server.close();
  expect([code, stderr]).toEqual([
    1,
    `Port ${port} is taken: stop the program that uses it, or choose another with SERVER_PORT\nThe platform ended with code 1: why stands above.\n`,
  ]);
});
