import { expect, test } from '@jest/globals';
import { SYNC, sync, useSandbox } from './use-sandbox.ts';

const { outputOf, run, failureOf } = useSandbox();

test('locks, variables and the integration are asked of the host', async () => {
  const body = `return [await nango.tryAcquireLock({ key: 'a', ttlMs: 1000.2 }), await nango.releaseLock({ key: 'a' }),
    (await nango.getEnvironmentVariables())[0].value, (await nango.getIntegration({ include: ['credentials'] })).provider,
    nango.getFlowAttributes(), await nango.getWebhookURL(), (await nango.getFieldMapping()).team];`;
  expect(await outputOf(body)).toEqual([true, true, '1', 'tracker', null, null, 'blue']);
});

test.each([
  "{ key: '' , ttlMs: 1 }",
  "{ key: 'x'.repeat(256), ttlMs: 1 }",
  "{ key: 'a\\0b', ttlMs: 1 }",
  "{ key: 'a' }",
  "{ key: 'a', ttlMs: -1 }",
  "{ key: 'a', ttlMs: 8 * 86_400_000 }",
])('a lock of %s is refused before it is asked for', async (lock) => {
  const failure = await failureOf(`export default async (nango: any) => nango.tryAcquireLock(${lock});`);
  expect(failure.message).toMatch(/A lock's key is expected|nango.tryAcquireLock: ttlMs is expected/);
});

test.each([
  "nango.triggerSync('tracker', 'acme', 'a\\0b')",
  "nango.triggerSync('tracker', 'acme', { name: 'tasks', variant: 'a\\0b' })",
  "nango.triggerAction('tracker', 'a\\0b', 'add')",
  "nango.startSync('tracker', ['a\\0b'])",
  "nango.getConnection('a\\0b')",
])('%s names nothing that there can be, and is refused as the fault of the script', async (call) => {
  const failure = await failureOf(`export default async (nango: any) => { await ${call}; };`);
  expect(failure).toMatchObject({ code: 'script_failed', message: expect.stringContaining('without NUL') });
});

test('other scripts are triggered with the script’s own address as the default', async () => {
  const body = `await nango.triggerSync('tracker', 'acme', { name: 'tasks', variant: 'eu' }, { reset: true });
    await nango.triggerSync(undefined, undefined, 'tasks', 'full_refresh_and_clear_cache');
    await nango.startSync('tracker', ['tasks', { name: 'people' }], 'acme');
    await nango.batchSave([{ id: '1' }], 'Task');`;
  const { calls } = await run(sync(body), SYNC);
  const own = { providerConfigKey: 'tracker', connectionId: 'acme' };
  expect(calls.slice(0, 3).map(({ args }) => args)).toEqual([
    { ...own, name: 'tasks', variant: 'eu', reset: true, emptyCache: false },
    { ...own, name: 'tasks', variant: 'base', reset: true, emptyCache: true },
    { ...own, names: ['tasks', 'people'] },
  ]);
  expect(await outputOf("return nango.triggerAction('tracker', 'acme', 'add', { a: 1 });")).toEqual({
    action: 'add',
    input: '{"a":1}',
  });
});

test('uncontrolledFetch answers as the Fetch API does', async () => {
  const body = `const r = await nango.uncontrolledFetch({ url: new URL('https://ex.com/a'), method: 'post', body: 'hi' });
    const copy = r.clone(); const text = await r.text();
    let again; try { await r.text(); } catch (e: any) { again = e.name; }
    return [r.ok, r.status, r.headers.get('Content-Type'), text, (await copy.arrayBuffer()).byteLength, again];`;
  expect(await outputOf(body)).toEqual([true, 201, 'text/plain', 'POST https://ex.com/a hi', 24, 'TypeError']);
});

test('setLogger drops lines below its level, and refuses one there is not', async () => {
  const body = `await nango.log('a'); nango.setLogger({ level: 'warn' }); await nango.log('b'); await nango.log('c', { level: 'error' });
    nango.setLogger({ level: 'off' }); await nango.log('d', { level: 'error' });
    try { nango.setLogger({ level: 'loud' }); } catch (e: any) { return e.message; }`;
  const { calls, outcome } = await run(`export default async function runAction(nango: any) {${body}}`);
  expect(calls.map(({ args }) => args['message'])).toEqual(['a', 'c']);
  expect(outcome).toMatchObject({ output: expect.stringContaining("level 'loud'") });
});

test('unknown members are plainly undefined and not in nango', async () => {
  expect(await outputOf("return [typeof nango.nope, 'fixtureProvider' in nango, 'triggerAction' in nango];")).toEqual([
    'undefined',
    false,
    true,
  ]);
});
