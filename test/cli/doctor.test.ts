import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { runCli, useFolders } from '../support/cli.ts';
import { initProject } from '../support/cli-project.ts';
import { useUpstream } from '../support/upstream.ts';

const api = useApi();
const folders = useFolders();
const other = useUpstream(() => ({ json: { hello: 'world' } }));
/** A program that takes connections and speaks no HTTP. */
const silent = createServer((socket) => socket.destroy());

beforeAll(() => new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve)));
afterAll(() => new Promise((resolve) => silent.close(resolve)));

type Check = { readonly what: string; readonly state: string; readonly found: string; readonly advice?: string };

async function doctor(env: Readonly<Record<string, string>>, files: Readonly<Record<string, string | null>> = {}) {
  const cwd = await initProject(await folders.create(), files);
  const { code, stdout } = await runCli(['doctor', '--json'], { cwd, env });
  const checks = JSON.parse(stdout).checks as Check[];
  return { code, of: (what: string) => checks.find((check) => check.what === what) };
}
const withServer = (key: string) => ({ NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY_DEV: key });

test('the CLI says its version and that of Node', async () => {
  const { of } = await doctor(withServer(api.key));
  expect(of('CLI')).toMatchObject({ state: 'ok', found: expect.stringContaining(`on Node ${process.versions.node}`) });
  // The platform runs, so its ports are not asked for.
  expect(of('Ports')).toBeUndefined();
});

test('where nothing answers, the ports are looked at that the platform would take', async () => {
  const free = await doctor({ NANGO_HOSTPORT: 'http://127.0.0.1:9' });
  expect([free.code, free.of('Server')?.found]).toEqual([1, 'nothing answers at http://127.0.0.1:9']);
  // The other one, of the Web UI, may be taken on the machine of this test.
  expect(free.of('Ports')?.found).toMatch(/^(9 and 8233 are free for it|8233 is taken by another program)$/);
  const elsewhere = await doctor({ NANGO_HOSTPORT: 'http://nango.invalid:3003' });
  expect([elsewhere.of('Server')?.state, elsewhere.of('Ports')]).toEqual(['failed', undefined]);
});

test.each([
  ['another server', () => other.port, 'something else answers at'],
  ['a program without HTTP', () => (silent.address() as AddressInfo).port, 'nothing answers at'],
])('where %s has the port, that is said with another one to take', async (_what, portOf, answers) => {
  const port = portOf();
  const { code, of } = await doctor({ NANGO_HOSTPORT: `http://localhost:${port}` });
  expect([code, of('Server')?.found]).toEqual([1, `${answers} http://localhost:${port}`]);
  expect(of('Ports')).toEqual({
    what: 'Ports',
    state: 'failed',
    found: `${port} is taken by another program`,
    advice: `End that program, or take another port: 'SERVER_PORT=${port + 100} npm start', and NANGO_HOSTPORT=http://localhost:${port + 100} here.`,
  });
});

test('a wrong key and none are told with the variable to set', async () => {
  const wrong = await doctor(withServer('not-a-key'));
  expect([wrong.code, wrong.of('Secret key')]).toEqual([
    1,
    { what: 'Secret key', state: 'failed', found: expect.stringMatching(/refused the key in NANGO_SECRET_KEY_DEV/) },
  ]);
  const none = await doctor({ NANGO_HOSTPORT: api.url });
  expect(none.of('Secret key')?.found).toMatch(/^No secret key for environment 'dev': set NANGO_SECRET_KEY_DEV/);
});

test.each([
  ['a script that is missing', { 'tasks.ts': null }, /1 file missing$/, "'nango compile' names them."],
  [
    'a nango.yaml with mistakes',
    { 'nango.yaml': 'integrations: 7\n' },
    /nango\.yaml:1:15/,
    /^Mend nango\.yaml: 'nango compile'/,
  ],
])('a project with %s fails, and what mends it is said', async (_what, files, found, advice) => {
  const { code, of } = await doctor(withServer(api.key), files);
  expect(code).toBe(1);
  expect(of('Project')).toMatchObject({ state: 'failed', found: expect.stringMatching(found) });
  expect(of('Project')?.advice).toMatch(advice);
});
