import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect as dial, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { chaosProviders, connect, PROVIDERS } from '../../bench/chaos/theatre.ts';
import { type Fort, openFort } from '../../bench/siege/fort.ts';
import { call } from '../../platform/example.ts';
import { createClosing } from '../../runtime/closing.ts';
import { useFolders } from '../support/cli.ts';
import { writeFiles } from '../support/project-files.ts';
import { until } from '../support/until.ts';

const LAUNCHER = fileURLToPath(new URL('../../bin/nango.js', import.meta.url));
const INTEGRATION = 'editions';
const CONNECTIONS = ['one', 'two'];
/** So that a deployment is more than a socket takes at once. */
const BALLAST = 'x'.repeat(400_000);
const UPLOADED = 100_000;

const closing = createClosing();
const folders = useFolders();
let fort: Fort;
let cwd = '';

afterAll(() => closing.run(), 120_000);

beforeAll(async () => {
  fort = await openFort(closing, { providers: () => chaosProviders('http://127.0.0.1:9'), say: () => undefined });
  await call(fort.caller, 'POST', '/integrations', { unique_key: INTEGRATION, provider: PROVIDERS.plain });
  for (const connection of CONNECTIONS) await connect(fort, INTEGRATION, connection);
  cwd = await folders.create();
}, 240_000);

/** An edition changes one sync, adds one, and takes one away. */
async function writeEdition(edition: string): Promise<void> {
  const sync = '{ type: sync, runs: every 1h, returns: Task }';
  const script = `const ballast = '${BALLAST}';
export default async function fetchData(nango: any) { await nango.log('${edition}', ballast.length); }
`;
  await writeFiles(cwd, {
    'nango.yaml': `integrations:\n  ${INTEGRATION}:\n    kept: ${sync}\n    only-${edition}: ${sync}\nmodels:\n  Task: { id: string }\n`,
    'kept.ts': script,
    [`only-${edition}.ts`]: script,
  });
}

function startDeploy(server = fort.caller.apiUrl) {
  const argv = [LAUNCHER, 'deploy', 'dev', '--auto-confirm', '--allow-destructive'];
  const env = { PATH: process.env['PATH'], NANGO_HOSTPORT: server, NANGO_SECRET_KEY_DEV: fort.caller.key };
  const child = spawn(process.execPath, argv, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let shown = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (shown += chunk));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, shown }));
  return { kill: () => child.kill('SIGKILL'), ended };
}

async function deployed(edition: string): Promise<Stored> {
  await fort.untilReady();
  await writeEdition(edition);
  expect(await startDeploy().ended).toEqual({ code: 0, shown: expect.any(String) });
  const stored = await state();
  expect(stored.scripts).toEqual(
    ['kept', `only-${edition}`].map((name) => ({ name, edition, connections: CONNECTIONS })),
  );
  return stored;
}

type Stored = { readonly scripts: readonly unknown[]; readonly deployments: number };

/** What a deployment writes, in one look. */
async function state(): Promise<Stored> {
  const { rows } = await fort.db.query<{ scripts: unknown[]; deployments: number }>(
    `select (select count(*)::int from audit_log where action = 'deployment') as deployments,
       (select json_agg(json_build_object('name', s.name, 'edition', substring(s.source from $$log\\('(\\w+)'$$), 'connections',
            (select json_agg(c.connection_id order by c.connection_id) from syncs y join connections c on c.id = y.connection_id
              where y.script_id = s.id)) order by s.name)
          from scripts s) as scripts`,
  );
  return rows[0] ?? { scripts: [], deployments: 0 };
}

/** Whether a deployment stands in the middle of its transaction, waiting for this table. */
const isBlockedAt = (table: string) =>
  isThere(`select from pg_locks held join pg_locks wanted using (pid)
    where held.locktype = 'advisory' and held.granted and wanted.relation = '${table}'::regclass and not wanted.granted`);
const isUnderWay = () => isThere(`select from pg_locks where locktype = 'advisory' and granted`);

async function isThere(sql: string): Promise<boolean> {
  return ((await fort.db.query(sql)).rowCount ?? 0) > 0;
}

/** Lets a deployment come as far as this table, and does something to it there. */
async function blockedAt(table: string, act: () => Promise<void>): Promise<void> {
  const client = await fort.db.connect();
  try {
    await client.query(`begin; lock table ${table} in exclusive mode`);
    await act();
  } finally {
    await client.query('rollback');
    client.release();
  }
  await until('end of the deployment', async () => !(await isUnderWay()));
}

async function killApi(): Promise<void> {
  const pid = fort.api.pid();
  fort.api.signal('SIGKILL');
  await until('another process of the API', async () => fort.api.pid() !== pid);
}

/** Every sync is known to Temporal and none is that should not be. */
async function untilScheduled(): Promise<void> {
  await until('empty list of removals', async () => !(await isThere('select from schedule_removals')));
  const path = `/sync/status?syncs=*&provider_config_key=${INTEGRATION}`;
  await until('schedule of each sync', async () => {
    const { syncs } = await call<{ syncs: { nextScheduledSyncAt: string | null }[] }>(fort.caller, 'GET', path);
    return syncs.length === 4 && syncs.every((sync) => sync.nextScheduledSyncAt !== null);
  });
}

test.each(['bundles', 'audit_log', 'runs'])(
  'the API killed in the middle of a deployment, before it writes %s, leaves the old state, and the next one works',
  async (table) => {
    const old = await deployed(`before${table.replace('_', '')}`);
    await writeEdition(`after${table.replace('_', '')}`);
    await blockedAt(table, async () => {
      const deploy = startDeploy();
      await until(`deployment at ${table}`, () => isBlockedAt(table));
      await killApi();
      const { code, shown } = await deploy.ended;
      expect(code).toBe(11);
      expect(shown).toContain('whether it did what it was asked is not known');
    });
    expect(await state()).toEqual(old);
    await deployed(`after${table.replace('_', '')}`);
    await untilScheduled();
  },
  240_000,
);

test('the API killed before Temporal has heard of a deployment leaves the new state, which Temporal hears of later', async () => {
  await deployed('heard');
  await writeEdition('unheard');
  fort.wires.temporal.cut();
  const deploy = startDeploy();
  await until('state of the next deployment', async () => JSON.stringify(await state()).includes('only-unheard'));
  await killApi();
  expect((await deploy.ended).code).toBe(11);
  fort.wires.temporal.replace();
  await deployed('unheard');
  await untilScheduled();
}, 240_000);

test('nango deploy killed while the server works leaves the old state or the new one', async () => {
  const old = await deployed('watched');
  await writeEdition('unwatched');
  await blockedAt('audit_log', async () => {
    const deploy = startDeploy();
    await until('deployment at the audit log', () => isBlockedAt('audit_log'));
    deploy.kill();
    expect((await deploy.ended).code).toBeNull();
    expect(await state()).toEqual(old);
  });
  const left = await state();
  const fresh = await deployed('unwatched');
  expect([old, fresh]).toContainEqual(left);
  await untilScheduled();
}, 240_000);

test('nango deploy killed in the middle of its upload leaves the old state, and the next one works', async () => {
  const old = await deployed('whole');
  await writeEdition('half');
  const wire = await openThinWire(Number(new URL(fort.caller.apiUrl).port));
  const deploy = startDeploy(`http://127.0.0.1:${wire.port}`);
  await wire.stopped;
  deploy.kill();
  expect((await deploy.ended).code).toBeNull();
  wire.close();
  await deployed('half');
  expect((await state()).deployments).toBe(old.deployments + 1);
}, 240_000);

test('of two deployments at once one works, and the other works or is told of the first', async () => {
  await deployed('alone');
  await writeEdition('twice');
  const ends = await Promise.all([startDeploy().ended, startDeploy().ended]);
  for (const { code, shown } of ends) {
    if (code === 0) continue;
    expect({ code, shown }).toEqual({ code: 11, shown: expect.stringContaining('Another deployment to environment') });
  }
  expect(ends.map(({ code }) => code)).toContain(0);
  await deployed('twice');
}, 240_000);

/** Lets everything through but the rest of a deployment. */
async function openThinWire(target: number) {
  const stopped = Promise.withResolvers<void>();
  const server = createServer((near) => {
    const far = dial(target, '127.0.0.1');
    let deploys = false;
    let uploaded = 0;
    near.on('data', (bytes) => {
      deploys ||= bytes.includes('POST /sync/deploy HTTP');
      uploaded += deploys ? bytes.length : 0;
      if (uploaded <= UPLOADED) far.write(bytes);
      else stopped.resolve();
    });
    far.pipe(near);
    for (const [end, other] of [
      [near, far],
      [far, near],
    ] as const) {
      end.on('error', () => other.destroy());
      end.on('close', () => other.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, stopped: stopped.promise, close: () => server.close() };
}
