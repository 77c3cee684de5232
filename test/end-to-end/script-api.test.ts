import { beforeAll, expect, test } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { runCli, useFolders } from '../support/cli.ts';
import { deployScripts, type TestScript } from '../support/deploy-scripts.ts';
import { endedRun, type RunJson, runSync, triggerSync, usePlatform } from '../support/platform.ts';
import { writeFiles } from '../support/project-files.ts';

const platform = usePlatform();
const folders = useFolders();

const script = (name: string, body: string, type: 'sync' | 'action' = 'action'): TestScript => ({
  name,
  type,
  source: `export default async function run(nango: any, input: any) {\n${body}\n}`,
});

/** A sync whose model is its own. */
const stamped = (body: string): TestScript => ({ ...script('stamped', body, 'sync'), models: ['Stamp'] });

async function act(name: string, input?: unknown): Promise<unknown> {
  const { apiUrl, key } = platform.caller;
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    'provider-config-key': 'surrounded',
    'connection-id': 'acme',
  };
  const response = await fetch(`${apiUrl}/action/trigger`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ action_name: name, input }),
  });
  return response.json();
}

beforeAll(async () => {
  await createIntegration(platform.caller, 'surrounded', 'example-tracker');
  await createConnection(platform.caller, 'surrounded', 'acme');
});

test('scripts find their integration and the variables of the environment, and start other scripts', async () => {
  const { caller, upstream } = platform;
  await call(caller, 'PUT', '/environment-variables', { variables: [{ name: 'REGION', value: 'eu' }] });
  await deployScripts(caller, 'surrounded', [
    script('double', 'return input * 2;'),
    script('broken', "throw new nango.ActionError({ message: 'no', code: 7 });"),
    script(
      'caller',
      "return [await nango.triggerAction('surrounded', 'acme', 'double', 21), (await nango.getEnvironmentVariables())[0].value, (await nango.getIntegration()).provider, nango.environmentId > 0];",
    ),
    script(
      'unlucky',
      "try { await nango.triggerAction('surrounded', 'acme', 'broken'); } catch (e: any) { return [e.code, e.message]; }",
    ),
    script(
      'lost',
      "try { await nango.triggerAction('surrounded', 'acme', 'nope'); } catch (e: any) { return e.code; }",
    ),
    script(
      'raw',
      'const r = await nango.uncontrolledFetch({ url: input }); return [r.status, typeof (await r.json())];',
    ),
    script(
      'inward',
      "try { await nango.uncontrolledFetch({ url: 'http://169.254.169.254/' }); } catch (e: any) { return e.code; }",
    ),
    script('start', "await nango.triggerSync('surrounded', 'acme', 'few');"),
    script('few', "await nango.batchSave([{ id: '1' }], 'Task');", 'sync'),
  ]);
  expect(await act('caller')).toEqual([42, 'eu', 'example-tracker', true]);
  expect(await act('unlucky')).toEqual(['action_failed', 'no']);
  expect(await act('lost')).toBe('unknown_action');
  expect(await act('raw', `${upstream.url}/tasks?limit=2`)).toEqual([401, 'object']);
  expect(await act('inward')).toBe('upstream_refused');
  await act('start');
  const { fields } = await platform.event(({ event, fields }) => event === 'run.ended' && fields['name'] === 'few');
  expect(fields).toMatchObject({ state: 'success', startedBy: 'api' });
});

test('a script finds the address at which its integration hears webhooks, deployed and in a dry run', async () => {
  const { caller } = platform;
  const body =
    "const { webhook_url } = await nango.getIntegration({ include: ['webhook'] }); return [await nango.getWebhookURL(), webhook_url, 'webhook_url' in (await nango.getIntegration())];";
  const where = script('where', body);
  await deployScripts(caller, 'surrounded', [where]);
  const path = '/integrations/surrounded?include=webhook';
  const { webhook_url: address } = (await call<{ data: { webhook_url: string } }>(caller, 'GET', path)).data;
  expect(await act('where')).toEqual([address, address, false]);
  const heard = await fetch(address, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } });
  expect(heard.status).toBe(200);

  const cwd = await folders.create();
  const manifest = 'integrations:\n  surrounded:\n    where:\n      type: action\nmodels: {}\n';
  await writeFiles(cwd, { 'nango.yaml': manifest, 'where.ts': where.source });
  const env = { NANGO_HOSTPORT: caller.apiUrl, NANGO_SECRET_KEY_DEV: caller.key };
  const dry = await runCli(['dryrun', 'where', 'acme'], { cwd, env });
  expect([dry.code, JSON.parse(dry.stdout)]).toEqual([0, [address, address, false]]);
});

test('triggerSync with reset begins a sync anew in the place of its run, with emptyCache also its records', async () => {
  const { caller } = platform;
  const names = { integration: 'surrounded', connection: 'acme', name: 'stamped' };
  const trigger = (options: string) => `await nango.triggerSync('surrounded', 'acme', 'stamped', ${options});`;
  await deployScripts(caller, 'surrounded', [
    stamped(`await nango.log('since', nango.lastSyncDate ? 'before' : 'never');
      const { slow } = await nango.getMetadata();
      if (slow && nango.lastSyncDate) await new Promise((resolve) => setTimeout(resolve, 600_000));
      await nango.batchSave([{ id: '1' }], 'Stamp');`),
    script('again', trigger('{ reset: false }')),
    script('reset', trigger('{ reset: true }')),
    script('empty', trigger("'full_refresh_and_clear_cache'")),
  ]);
  expect((await runSync(platform, names)).logs[0]?.message).toBe('since never');
  const path = '/runs?name=stamped&provider_config_key=surrounded';
  const newest = async () => (await call<{ runs: RunJson[] }>(caller, 'GET', path)).runs[0];
  const outcomeOf = async (action: string) => {
    expect(await act(action)).toBeNull();
    const { logs, counts } = await endedRun(platform, (await newest())?.id ?? '');
    return [logs[0]?.message, counts['Stamp']?.added];
  };
  expect(await outcomeOf('again')).toEqual(['since before', 0]);
  expect(await outcomeOf('reset')).toEqual(['since never', 0]);
  expect(await outcomeOf('empty')).toEqual(['since never', 1]);
  await call(caller, 'POST', '/connections/metadata', {
    provider_config_key: 'surrounded',
    connection_id: 'acme',
    metadata: { slow: true },
  });
  const stuck = await triggerSync(platform, names);
  await platform.event(({ event, fields }) => event === 'run.started' && fields['run'] === stuck);
  expect(await outcomeOf('reset')).toEqual(['since never', 0]);
  expect(await call(caller, 'GET', `/runs/${stuck}`)).toMatchObject({
    state: 'cancelled',
    error: { code: 'script_aborted' },
  });
}, 120_000);

test('credentials that a script reads are masked in its log', async () => {
  const { caller } = platform;
  const body =
    "const { credentials } = await nango.getConnection(); await nango.log('key ' + credentials.apiKey + ' of', await nango.getToken()); return credentials.apiKey;";
  await deployScripts(caller, 'surrounded', [script('tell', body)]);
  const key = await act('tell');
  const { runs } = await call<{ runs: { id: string }[] }>(caller, 'GET', '/runs?name=tell');
  const { logs } = await call<{ logs: { message: string }[] }>(caller, 'GET', `/runs/${runs[0]?.id}`);
  expect(String(key).length).toBeGreaterThan(7);
  expect(logs.map(({ message }) => message)).toEqual(['key *** of ***']);
});

test('a lock keeps other runs out and is given up when its run ends', async () => {
  const { caller } = platform;
  await deployScripts(caller, 'surrounded', [
    script('lock', "return nango.tryAcquireLock({ key: 'one', ttlMs: 600_000 });"),
    script(
      'hold',
      "await nango.tryAcquireLock({ key: 'two', ttlMs: 600_000 }); return nango.triggerAction('surrounded', 'acme', 'take');",
    ),
    script('take', "return nango.tryAcquireLock({ key: 'two', ttlMs: 600_000 });"),
    script(
      'lock-and-fail',
      "await nango.tryAcquireLock({ key: 'three', ttlMs: 600_000 }); throw new Error('no');",
      'sync',
    ),
    script('after', "return nango.tryAcquireLock({ key: 'three', ttlMs: 600_000 });"),
    script(
      'give-up',
      `const free = async () => Promise.all(['four', 'five'].map((key) => nango.triggerAction('surrounded', 'acme', 'try', key)));
      for (const key of ['four', 'five']) await nango.tryAcquireLock({ key, ttlMs: 600_000 });
      const seen = [await free(), await nango.releaseLock({ key: 'four' }), await nango.releaseLock({ key: 'four' }), await free()];
      await nango.tryAcquireLock({ key: 'four', ttlMs: 600_000 });
      return [...seen, (await nango.releaseAllLocks()) ?? null, await free()];`,
    ),
    script('try', 'return nango.tryAcquireLock({ key: input, ttlMs: 1 });'),
  ]);
  expect([await act('lock'), await act('lock')]).toEqual([true, true]);
  expect([await act('hold'), await act('take')]).toEqual([false, true]);
  expect(
    (await runSync(platform, { integration: 'surrounded', connection: 'acme', name: 'lock-and-fail' })).state,
  ).toBe('failed');
  expect(await act('after')).toBe(true);
  expect(await act('give-up')).toEqual([[false, false], true, false, [true, false], null, [true, true]]);
});
