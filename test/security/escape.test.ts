/**
 * What somebody who may deploy scripts can do to the engine and to others: each attack is deployed over the REST API and
 * run as an action or a sync. It has to end with a failure of its own or harmlessly, a run beside it in the same worker
 * must not notice, and nothing it hears may hold what only the worker knows.
 */
import { beforeAll, expect, test } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts, type TestScript } from '../support/deploy-scripts.ts';
import { runSync, usePlatform } from '../support/platform.ts';
import { type Attack, ATTACKS } from './attacks.ts';

const CANARY = 'canary-of-the-worker-2b7f';
process.env['NANGO_ESCAPE_CANARY'] = CANARY;

const platform = usePlatform({
  NANGO_SCRIPT_CPU_MS: '1000',
  NANGO_SCRIPT_MEMORY_MB: '64',
  NANGO_ACTION_TIMEOUT_MS: '120000',
  NANGO_MAX_CALLED_ACTIONS: '6',
  NANGO_MAX_JOURNAL_MB: '4',
});
const BYSTANDER = `export default async function runAction(nango: any, input: any) {
  for (let n = 0; n < 3; n++) { await nango.get({ endpoint: '/tasks' }); await new Promise((resolve) => setTimeout(resolve, 50)); }
  return input;
}`;

beforeAll(async () => {
  await createIntegration(platform.caller, 'attack', 'example-tracker');
  for (const connection of ['victim', 'bystander']) await createConnection(platform.caller, 'attack', connection);
  const written = ATTACKS.filter(({ body }) => body !== undefined);
  await deployScripts(platform.caller, 'attack', [
    { name: 'bystander', source: BYSTANDER, type: 'action' },
    ...written.map(({ name, body, kind }): TestScript => {
      return { name: nameOf(name), source: sourceOf(body ?? ''), type: kind ?? 'action' };
    }),
  ]);
  for (const { name, bundle } of ATTACKS) if (bundle !== undefined) await deployBundle(nameOf(name), bundle);
}, 120_000);

test.each(ATTACKS)(
  'a script that $name harms nobody',
  async (attack) => {
    const beside = act('bystander', 'bystander', attack.name);
    const { failure, message, output, text } = await (attack.kind === 'sync' ? runAsSync(attack) : runAsAction(attack));
    if (attack.ends === undefined) expect(failure).toBeUndefined();
    else expect(failure).toMatch(attack.ends);
    expect(message).toMatch(attack.says ?? /^/);
    if (attack.answers !== undefined) expect(output).toEqual(attack.answers);
    expect(await beside).toEqual({ status: 200, body: attack.name });
    for (const secret of secrets()) expect(text).not.toContain(secret);
  },
  240_000,
);

test('what was done to the built-ins of one run is not there in the next', async () => {
  const body = `const before = ({} as any).mark; (Object.prototype as any).mark = 1; (globalThis as any).mark = 1; return [before ?? null, typeof JSON.rawJSON];`;
  await deployScripts(platform.caller, 'attack', [{ name: 'marks', source: sourceOf(body), type: 'action' }]);
  for (let run = 0; run < 3; run++) expect((await act('marks', 'victim', {})).body).toEqual([null, 'function']);
});

test('the log of a script that logs without an end is cut, and says so', async () => {
  const body = `for (let n = 0; n < 400; n++) await nango.log('x'.repeat(64_000));`;
  await deployScripts(platform.caller, 'attack', [{ name: 'logs', source: sourceOf(body) }]);
  const { id, state } = await runSync(platform, { integration: 'attack', connection: 'victim', name: 'logs' });
  const { rows } = await platform.engine.db.query(
    `select sum(length(message)) < 17e6 as cut, (array_agg(message order by seq desc))[1] as last from run_logs where run_id = $1`,
    [id],
  );
  expect([state, rows[0]]).toEqual(['success', { cut: true, last: expect.stringMatching(/is full/) }]);
}, 120_000);

function nameOf(name: string): string {
  return name.replaceAll(/[^a-z_]+/gi, '-');
}

function sourceOf(body: string): string {
  return `export default async function run(nango: any, input: any): Promise<any> {\n${body}\n}`;
}

/** As `deployScripts` does, without a compiler between. */
async function deployBundle(name: string, js: string): Promise<void> {
  const flow = { type: 'action', syncName: name, providerConfigKey: 'attack', models: [], runs: null };
  const flowConfigs = [{ ...flow, track_deletes: false, auto_start: false, metadata: {}, fileBody: { js, ts: '' } }];
  await call(platform.caller, 'POST', '/sync/deploy', {
    flowConfigs,
    nangoYamlBody: '',
    reconcile: false,
    debug: false,
  });
}

type End = {
  readonly failure: string | undefined;
  readonly message: string;
  readonly output: unknown;
  readonly text: string;
};

async function runAsAction({ name, input = {} }: Attack): Promise<End> {
  const { status, body } = await act(nameOf(name), 'victim', input);
  const { code, message = '' } = status === 200 ? {} : body.error;
  return { failure: code, message, output: body, text: JSON.stringify(body) };
}

async function runAsSync({ name }: Attack): Promise<End> {
  const run = await runSync(platform, { integration: 'attack', connection: 'victim', name: nameOf(name) });
  return { failure: run.error?.code, message: run.error?.message ?? '', output: run.state, text: JSON.stringify(run) };
}

async function act(name: string, connection: string, input: unknown) {
  const { apiUrl, key } = platform.caller;
  const response = await fetch(`${apiUrl}/action/trigger`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'provider-config-key': 'attack',
      'connection-id': connection,
    },
    body: JSON.stringify({ action_name: name, input }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: a test looks at shapes that it then asserts.
  return { status: response.status, body: (await response.json()) as any };
}

/** What only the worker knows: its environment, its key, where its servers and its files are. */
function secrets(): string[] {
  const postgres = process.env['NANGO_TEST_POSTGRES'] ?? '?';
  return [CANARY, platform.caller.key, postgres, platform.temporal.server.address, process.cwd()];
}
