import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createConnection, createIntegration, EXAMPLE_INTEGRATIONS } from '../../platform/example.ts';
import { runCli } from '../support/cli.ts';
import { usePlatform } from '../support/platform.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const platform = usePlatform();
const run = promisify(execFile);
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nango-test-app-'));
  await cp(join(EXAMPLES, 'nango-integrations'), folder, { recursive: true });
  for (const [integration, provider] of Object.entries(EXAMPLE_INTEGRATIONS)) {
    await createIntegration(platform.caller, integration, provider);
    await createConnection(platform.caller, integration, 'acme');
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const environment = () => ({ NANGO_HOSTPORT: platform.caller.apiUrl, NANGO_SECRET_KEY_DEV: platform.caller.key });

test('the example application reports on synced tasks by the ordinary client, and posts by the action', async () => {
  const deployed = await runCli(['deploy', 'dev', '--auto-confirm'], { cwd: folder, env: environment() });
  expect([deployed.code, deployed.stderr]).toEqual([0, '']);
  await platform.event(({ event, fields }) => event === 'run.ended' && fields['name'] === 'tasks');
  const { stdout } = await run(process.execPath, [join(EXAMPLES, 'app/report.ts')], {
    env: { ...environment(), PATH: '' },
  });
  const [summary, ...lines] = stdout.trim().split('\n');
  expect(summary).toMatch(/^\d+ of 25 tasks are open$/);
  const counted = lines.slice(0, -1).map((line) => Number(/^\S+: (\d+), last changed '.+'$/.exec(line)?.[1]));
  expect(counted.reduce((sum, count) => sum + count, 0)).toBe(Number.parseInt(summary ?? '', 10));
  expect(lines.at(-1)).toMatch(/^Posted at \d+\.\d+\.$/);
}, 120_000);

test('its client is the one that its package.json names', async () => {
  const { dependencies } = JSON.parse(await readFile(join(EXAMPLES, 'app/package.json'), 'utf8'));
  const own = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(dependencies).toEqual({ '@nangohq/node': own.devDependencies['@nangohq/node'] });
});
