import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { withTransaction } from '../../store/db.ts';
import { tryLockDeployment } from '../../store/locks.ts';
import { locateStack } from '../../sandbox/script-error.ts';
import { findBundle } from '../../store/scripts.ts';
import { useApi } from '../support/api.ts';
import { action, createTracker, deployFlows, deployment, flow } from '../support/deployment.ts';

// Longer than it takes to look whether Temporal has heard of the syncs of a deployment.
const api = useApi({ reconcileWaitMs: 1_000 });
const deploy = (flows: unknown[], changes: Record<string, unknown> = {}) =>
  api.call('POST', '/sync/deploy', { body: deployment(flows, changes) });
const confirm = (flows: unknown[], changes: Record<string, unknown> = {}) =>
  api.call('POST', '/sync/deploy/confirmation', { body: deployment(flows, changes) });
const names = (scripts: { name: string; connections?: number }[]) =>
  scripts.map(({ name, connections }) => [name, connections]);

test('a deployment reaches every connection and answers first runs, version and next run', async () => {
  await createTracker(api, 'reach', ['c1', 'c2']);
  api.engine.answer({ nextRunAt: async () => new Date('2026-01-01T01:00:00Z') });
  const { status, body } = await deploy([flow('reach', 'tasks'), action('reach', 'post')]);
  expect(status).toBe(200);
  expect(body).toMatchObject([
    {
      name: 'tasks',
      type: 'sync',
      version: '0.0.1',
      providerConfigKey: 'reach',
      models: ['Task'],
      runs: 'every hour',
      change: 'added',
      connections: 2,
      firstRuns: [{ connectionId: 'c1' }, { connectionId: 'c2' }],
      nextRunAt: '2026-01-01T01:00:00.000Z',
    },
    { name: 'post', type: 'action', firstRuns: [], nextRunAt: null },
  ]);
  const [first] = body[0].firstRuns;
  expect((await api.call('GET', `/runs/${first.runId}`)).body).toMatchObject({ state: 'queued', link: first.link });
});

test('what a deployment removes is waited for as well, although none of its own syncs has to be told', async () => {
  await createTracker(api, 'told', ['c']);
  await deploy([flow('told', 'tasks')]);
  await api.db.query('update syncs set scheduled_revision = revision');
  const postponed = async (flows: unknown[]) => {
    api.engine.answer({ reconcile: () => new Promise<void>(() => {}) });
    const before = api.events.length;
    const { status } = await deploy(flows, { reconcile: true, deployMode: 'integration' });
    return [status, api.events.slice(before).some(({ event }) => event === 'reconcile.postponed')];
  };
  expect(await postponed([flow('told', 'tasks')])).toEqual([200, false]);
  expect(await postponed([action('told', 'post')])).toEqual([200, true]);
});

test('the bundle is stored without its source map comment and with its map', async () => {
  await createTracker(api, 'bundles');
  const map = JSON.stringify({ version: 3, sources: ['tasks.ts'], mappings: '' });
  const js = `exports.x = 1;\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString('base64')}`;
  await deployFlows(api, flow('bundles', 'tasks', { fileBody: { js, ts: 'source' } }));
  const { rows } = await api.db.query<{ hash: string; source: string }>(
    `select bundle_hash as hash, source from scripts s join integrations i on i.id = s.integration_id where i.unique_key = 'bundles'`,
  );
  expect(rows[0]?.source).toBe('source');
  expect(await findBundle(api.db, rows[0]?.hash ?? '')).toMatchObject({ code: 'exports.x = 1;\n', sourceMap: map });
});

/** One line of code that comes from that line of that file. */
const linked = (source: string) => {
  const [file = '', line = '1'] = source.split(':');
  // Both first columns, and the line counted from 0 in base 64.
  const mappings = `AA${'ACEGIKM'[Number(line) - 1]}A`;
  const map = { version: 3, sources: [file], sourcesContent: [`// ${file}`], names: [], mappings };
  const inline = Buffer.from(JSON.stringify(map)).toString('base64');
  return {
    js: `exports.default = () => 'linked';\n//# sourceMappingURL=data:application/json;base64,${inline}\n`,
    ts: `// ${source}`,
  };
};
/** Bundle and source as the environment's runs of the integration's script get them. */
async function deployedBundle(environment: string, key: string) {
  const { rows } = await api.db.query<{ hash: string; source: string }>(
    `select s.bundle_hash as hash, s.source from scripts s
       join integrations i on i.id = s.integration_id join environments e on e.id = s.environment_id
     where e.name = $1 and i.unique_key = $2`,
    [environment, key],
  );
  const bundle = await findBundle(api.db, rows[0]?.hash ?? '');
  return { source: rows[0]?.source, bundle, at: bundle && locateStack(bundle, 'at script.js:1:1') };
}

test('errors of one environment show nothing of the files of another that has the same code', async () => {
  const key = api.otherKey;
  await createTracker(api, 'mine');
  const made = { provider: 'tracker', unique_key: 'theirs' };
  expect((await api.call('POST', '/integrations', { body: made, key })).status).toBe(201);
  await deployFlows(api, flow('mine', 'linked', { fileBody: linked('secret-of-dev/plan.ts:3') }));
  const theirs = flow('theirs', 'linked', { fileBody: linked('own.ts:5') });
  expect((await api.call('POST', '/sync/deploy', { body: deployment([theirs]), key })).status).toBe(200);
  const [dev, prod] = [await deployedBundle('dev', 'mine'), await deployedBundle('prod', 'theirs')];
  expect(dev.bundle?.code).toBe(prod.bundle?.code);
  expect(dev).toMatchObject({ at: { file: 'secret-of-dev/plan.ts', line: 3 } });
  expect(prod).toMatchObject({ at: { file: 'own.ts', line: 5 }, bundle: { file: 'theirs/syncs/linked.ts' } });
  expect(JSON.stringify(prod)).not.toMatch(/of-dev|mine/);
});

test('code that only moved is no change, and errors show where it is now', async () => {
  await createTracker(api, 'moved');
  const moved = (source: string) => deploy([flow('moved', 'linked', { fileBody: linked(source) })]);
  await moved('a.ts:1');
  expect((await moved('a.ts:4')).body).toMatchObject([{ change: 'unchanged', version: '0.0.1' }]);
  expect(await deployedBundle('dev', 'moved')).toMatchObject({ at: { line: 4 }, source: '// a.ts:4' });
});

test('deploying the same again changes nothing and starts no run', async () => {
  await createTracker(api, 'again');
  const first = await deploy([flow('again', 'tasks')]);
  const second = await deploy([flow('again', 'tasks')]);
  expect(second.body).toMatchObject([{ id: first.body[0].id, version: '0.0.1', change: 'unchanged', firstRuns: [] }]);
  expect((await api.call('GET', '/runs?provider_config_key=again')).body.runs).toHaveLength(1);
});

test('changed code counts the version up, and Temporal has to look at the syncs again', async () => {
  await createTracker(api, 'changed');
  await deploy([flow('changed', 'tasks')]);
  const due = async () =>
    (
      await api.db.query(
        'select from syncs y join scripts s on s.id = y.script_id join integrations i on i.id = s.integration_id where i.unique_key = $1 and y.revision > y.scheduled_revision',
        ['changed'],
      )
    ).rowCount;
  await api.db.query('update syncs set scheduled_revision = revision');
  await deploy([flow('changed', 'tasks')]);
  expect(await due()).toBe(0);
  const { body } = await deploy([flow('changed', 'tasks', { runs: 'every 30min' })]);
  expect(body).toMatchObject([{ version: '0.0.2', change: 'updated', runs: 'every 30min' }]);
  expect(await due()).toBe(1);
});

test('the preview and the deployment agree on what is added, changed, kept and removed', async () => {
  await createTracker(api, 'plan', ['c1', 'c2', 'c3']);
  await deploy([
    flow('plan', 'kept'),
    flow('plan', 'changed'),
    flow('plan', 'gone', { models: ['Gone'] }),
    action('plan', 'gone'),
  ]);
  const flows = [
    flow('plan', 'kept'),
    flow('plan', 'changed', { runs: 'every day' }),
    flow('plan', 'new'),
    action('plan', 'fresh'),
  ];
  const { body } = await confirm(flows, { reconcile: true, deployMode: 'integration' });
  expect(names(body.newSyncs)).toEqual([['new', 3]]);
  expect(names(body.updatedSyncs)).toEqual([['changed', 3]]);
  expect(names(body.unchangedSyncs)).toEqual([['kept', 3]]);
  expect(names(body.deletedSyncs)).toEqual([['gone', 3]]);
  expect(names(body.newActions)).toEqual([['fresh', 3]]);
  expect(names(body.deletedActions)).toEqual([['gone', 3]]);
  expect(body).toMatchObject({
    updatedActions: [],
    newOnEventScripts: [],
    deletedOnEventScripts: [],
    deletedModels: ['Gone'],
  });
  await deploy(flows, { reconcile: true, deployMode: 'integration' });
  const { rows } = await api.db.query(
    `select s.kind, s.name from scripts s join integrations i on i.id = s.integration_id where i.unique_key = 'plan' order by 1, 2`,
  );
  expect(rows.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
    'action fresh',
    'sync changed',
    'sync kept',
    'sync new',
  ]);
});

test('a published command line sees what it will remove, and removes nothing when it deploys one script', async () => {
  await createTracker(api, 'published');
  await deploy([flow('published', 'kept'), flow('published', 'gone')]);
  const only = [flow('published', 'kept')];
  const removed = async (changes: object) =>
    names((await confirm(only, { ...changes, reconcile: false })).body.deletedSyncs).map(([name]) => name);
  expect(await removed({ deployMode: 'integration' })).toEqual(['gone']);
  expect(await removed({ singleDeployMode: false })).toContain('gone');
  expect(await removed({ singleDeployMode: true })).toEqual([]);
  expect(await removed({ deployMode: 'single' })).toEqual([]);
  for (const one of [{ singleDeployMode: true }, { deployMode: 'single' }])
    await deploy(only, { ...one, reconcile: true });
  expect(await removed({ deployMode: 'integration' })).toEqual(['gone']);
});

test('a preview changes nothing', async () => {
  await createTracker(api, 'preview');
  await confirm([flow('preview', 'tasks')]);
  expect((await api.call('GET', '/sync/status?syncs=*&provider_config_key=preview')).body.syncs).toEqual([]);
  expect(api.engine.calls.filter(([method]) => method === 'startSync')).toEqual([]);
});

test('removing a sync keeps its runs and records and remembers its schedule', async () => {
  await createTracker(api, 'removal');
  await deploy([flow('removal', 'tasks')]);
  const { body } = await api.call('GET', '/runs?provider_config_key=removal');
  await deploy([action('removal', 'post')], { reconcile: true, deployMode: 'integration' });
  expect((await api.call('GET', `/runs/${body.runs[0].id}`)).body).toMatchObject({ name: 'tasks' });
  const removals = await api.db.query(
    `select schedule_id from schedule_removals where schedule_id like 'sync:dev:removal:%'`,
  );
  expect(removals.rows).toEqual([{ schedule_id: 'sync:dev:removal:c1:tasks' }]);
});

test('a deployment that removes everything answers an empty list', async () => {
  const key = randomUUID();
  await createTracker(api, key);
  await deploy([flow(key, 'tasks')]);
  await api.call('DELETE', `/integrations/${key}`);
  expect(await deploy([])).toMatchObject({ status: 200, body: [] });
});

test('all unknown integrations are reported at once', async () => {
  const { status, body } = await deploy([flow('no-a', 'x'), flow('no-b', 'y'), flow('no-a', 'z')]);
  expect([status, body.error.code]).toEqual([404, 'unknown_provider_config']);
  expect(body.error.message).toContain("'no-a', 'no-b'");
});

test('every mistake of the scripts is reported at once, with its place', async () => {
  await createTracker(api, 'wrong');
  const { status, body } = await deploy([
    flow('wrong', 'often', { runs: 'every 29s' }),
    flow('wrong', 'never', { runs: null }),
    flow('wrong', 'sweep', { track_deletes: true, sync_type: 'incremental' }),
    flow('wrong', 'twice'),
    flow('wrong', 'twice'),
  ]);
  expect([status, body.error.code]).toEqual([400, 'invalid_body']);
  expect(body.error.errors.map((fault: { path: unknown[] }) => fault.path.join('.'))).toEqual([
    'flowConfigs.0.runs',
    'flowConfigs.1.runs',
    'flowConfigs.2.track_deletes',
    'flowConfigs.4.syncName',
  ]);
  expect(body.error.message).toContain('the shortest frequency is 30s');
});

test.each([
  ['a name with a slash', { syncName: 'a/b' }],
  ['no compiled code', { fileBody: { js: '', ts: '' } }],
  ['a version that is none', { version: 'one' }],
  ['another type', { type: 'webhook' }],
  ['a NUL in the description', { metadata: { description: 'a\u0000' } }],
])('a script with %s is refused', async (_, changes) => {
  expect(await deploy([flow('any', 'tasks', changes)])).toMatchObject({
    status: 400,
    body: { error: { code: 'invalid_body' } },
  });
});

test('on-event scripts are deployed, kept by who does not name them, and removed by who names others', async () => {
  await createTracker(api, 'events');
  const script = (name: string) => ({ name, event: 'validate-connection', fileBody: { js: 'exports.default = 1;' } });
  const named = (...names: string[]) => ({
    reconcile: true,
    deployMode: 'integration',
    onEventScriptsByProvider: [{ providerConfigKey: 'events', scripts: names.map(script) }],
  });
  const added = await confirm([], named('check'));
  expect(added.body.newOnEventScripts).toEqual([
    { name: 'check', providerConfigKey: 'events', event: 'validate-connection' },
  ]);
  expect((await deploy([], named('check'))).body).toEqual([]);
  const silent = await confirm([flow('events', 'tasks')], { reconcile: true, deployMode: 'integration' });
  expect(silent.body).toMatchObject({ newOnEventScripts: [], deletedOnEventScripts: [] });
  const other = await confirm([flow('events', 'tasks')], named('other'));
  expect(other.body).toMatchObject({
    newOnEventScripts: [{ name: 'other' }],
    deletedOnEventScripts: [{ name: 'check' }],
  });
});

test('U083: a second deployment to the environment is refused while one is under way, another environment is free', async () => {
  await createTracker(api, 'busy');
  const { rows } = await api.db.query<{ id: string }>(`select id::text from environments where name = 'dev'`);
  await withTransaction(api.db, async (db) => {
    await tryLockDeployment(db, rows[0]?.id ?? '');
    expect(await deploy([flow('busy', 'tasks')])).toMatchObject({
      status: 409,
      body: { error: { code: 'concurrent_deployment' } },
    });
    expect((await api.call('POST', '/sync/deploy', { body: deployment([]), key: api.otherKey })).status).toBe(200);
  });
  expect((await deploy([flow('busy', 'tasks')])).status).toBe(200);
});

test('U083: of two deployments at once, again and again, one stands whole and the other works or is refused', async () => {
  await createTracker(api, 'twice', ['c1']);
  const edition = (name: string) =>
    deploy([flow('twice', `${name}-1`), flow('twice', `${name}-2`), flow('twice', `${name}-3`)], {
      reconcile: true,
      deployMode: 'integration',
    });
  for (let round = 0; round < 20; round += 1) {
    const ends = await Promise.all([edition('a'), edition('b')]);
    const statuses = ends.map(({ status }) => status);
    expect(statuses).toContain(200);
    for (const { status, body } of ends)
      if (status !== 200) expect([status, body.error.code]).toEqual([409, 'concurrent_deployment']);
    const { body } = await api.call('GET', '/sync/status?syncs=*&provider_config_key=twice');
    const standing = body.syncs.map(({ name }: { name: string }) => name).toSorted();
    const whole = ['a', 'b']
      .filter((_name, index) => statuses[index] === 200)
      .map((name) => [1, 2, 3].map((n) => `${name}-${n}`));
    expect(whole).toContainEqual(standing);
  }
});

test('deployments and new connections at once leave no connection without its sync', async () => {
  await createTracker(api, 'race', []);
  const connect = (id: number) =>
    api.call('POST', '/connections', {
      body: { provider_config_key: 'race', connection_id: `c${id}`, credentials: { apiKey: 'x' } },
    });
  for (let round = 0; round < 8; round += 1) {
    await Promise.all([connect(2 * round), deploy([flow('race', `s${round}`)]), connect(2 * round + 1)]);
  }
  const { body } = await api.call('GET', '/sync/status?syncs=*&provider_config_key=race');
  expect(body.syncs).toHaveLength(16 * 8);
});

test('U083: a failing deployment leaves nothing behind', async () => {
  await createTracker(api, 'atomic');
  await api.db.query(`alter table syncs add constraint refuse check (schedule_id not like '%:atomic:%')`);
  const failed = await deploy([flow('atomic', 'tasks')]);
  await api.db.query('alter table syncs drop constraint refuse');
  expect(failed.status).toBe(500);
  const left = await api.db.query(
    `select from scripts s join integrations i on i.id = s.integration_id where i.unique_key = 'atomic'`,
  );
  expect(left.rowCount).toBe(0);
});

test('an empty version, as command lines of the YAML era send it, is none', async () => {
  await createTracker(api, 'unversioned');
  const { status, body } = await api.call('POST', '/sync/deploy', {
    body: deployment([flow('unversioned', 'tasks', { version: '' })]),
  });
  expect({ status, version: body[0].version }).toEqual({ status: 200, version: '0.0.1' });
});
