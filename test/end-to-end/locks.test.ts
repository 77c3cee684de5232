/** Locks of scripts whose runs are in two worker processes. */
import { afterEach, expect, test } from '@jest/globals';
import { connect, endedRun, PROVIDERS, trigger } from '../../bench/chaos/theatre.ts';
import type { Run } from '../../bench/chaos/trace.ts';
import { call } from '../../platform/example.ts';
import { useTheatre } from '../support/theatre.ts';
import { until } from '../support/until.ts';

// One run in each worker: those that are under way together are in two.
const stage = useTheatre({ workers: 2, settings: { NANGO_SYNC_SLOTS: '1' } });
const ENDS_WITHIN_MS = 120_000;
const HOUR_MS = 3_600_000;

/** A failed test lets nobody wait for its requests. */
const held: (() => void)[] = [];
afterEach(() => {
  for (const answer of held.splice(0)) answer();
});

const take = (key: string, ttlMs = HOUR_MS) => `await nango.tryAcquireLock({ key: '${key}', ttlMs: ${ttlMs} })`;
const give = (key: string) => `await nango.releaseLock({ key: '${key}' })`;
const ask = (path: string) => `await nango.get({ endpoint: '/pages/${path}' });`;

/** A connection of that name, which the upstream knows by it, with a sync of that source. */
async function prepare(name: string, body: string): Promise<void> {
  const { theatre } = stage;
  await call(theatre.caller, 'POST', '/integrations', { unique_key: name, provider: PROVIDERS.plain });
  await connect(theatre, name, name);
  await theatre.deploy(name, { name: 'pages', source: `export default async (nango: any) => { ${body} };` });
}

const begin = (name: string) => trigger(stage.theatre, { integration: name, connection: name, name: 'pages' });
const ended = (runId: string) => endedRun(stage.theatre, runId, ENDS_WITHIN_MS);
const said = ({ logs }: Run) => logs.map(({ message }) => message);
const workerOf = (runId: string) => stage.theatre.attemptOf(runId)?.worker;

/** Kills the worker in which the run is, once there is another one to go on in. */
async function killWorkerOf(runId: string) {
  const struck = workerOf(runId);
  await stage.theatre.startWorker();
  struck?.signal('SIGKILL');
  await struck?.exited;
  return struck;
}

/** Has requests of these connections for these paths wait until they may go on. */
function hold(names: readonly string[], ...paths: readonly string[]) {
  const gates = new Map(paths.map((path) => [`/pages/${path}`, Promise.withResolvers<void>()]));
  const { upstream } = stage.theatre;
  for (const { resolve } of gates.values()) held.push(resolve);
  for (const name of names) upstream.watch(name, async ({ path }) => gates.get(path)?.promise);
  const count = (path: string) =>
    names.flatMap((name) => upstream.askedBy(name)).filter((asked) => asked.path === `/pages/${path}`).length;
  return {
    came: (path: string, times: number) => until(`request ${times} for '${path}'`, () => count(path) >= times),
    go: (path: string) => gates.get(`/pages/${path}`)?.resolve(),
  };
}

/** Whether a run beside that of the holder gets the lock just now; it gives it up with its end. */
async function isFree(taker: string, holderRun: string): Promise<boolean> {
  const run = await ended(await begin(taker));
  expect(run.state).toBe('success');
  expect(workerOf(run.id)?.pid).not.toBe(workerOf(holderRun)?.pid);
  return said(run)[0] === 'true';
}
const prepareTaker = (taker: string, key: string) => prepare(taker, `await nango.log(${take(key)});`);

test('of two scripts that want a lock at once one gets it, and the other one when it is given up', async () => {
  const names = ['one', 'other'];
  for (const name of names)
    await prepare(
      name,
      `${ask('start')}
       const isFirst = ${take('shared')};
       await nango.log(isFirst);
       if (isFirst) ${ask('inside')} else ${ask('outside')}
       await nango.log(isFirst ? ${give('shared')} : ${take('shared')});
       ${ask('end')}`,
    );
  const at = hold(names, 'start', 'inside', 'outside', 'end');
  const runIds = await Promise.all(names.map(begin));
  await at.came('start', 2);
  at.go('start');
  await Promise.all([at.came('inside', 1), at.came('outside', 1)]);
  at.go('inside');
  await at.came('end', 1);
  at.go('outside');
  await at.came('end', 2);
  at.go('end');
  const runs = await Promise.all(runIds.map(ended));
  expect(new Set(runIds.map((id) => workerOf(id)?.pid)).size).toBe(2);
  expect(runs.map(({ state }) => state)).toEqual(['success', 'success']);
  expect(runs.map(said).sort()).toEqual([
    ['false', 'true'],
    ['true', 'true'],
  ]);
}, 180_000);

test('a run whose worker is killed holds its lock until another worker has ended it', async () => {
  await prepareTaker('beside-killed', 'kept');
  await prepare('killed', `${take('kept')}; ${ask('inside')} await nango.log(${give('kept')}); ${ask('given')}`);
  const at = hold(['killed'], 'inside', 'given');
  const runId = await begin('killed');
  await at.came('inside', 1);
  expect(await isFree('beside-killed', runId)).toBe(false);
  const struck = await killWorkerOf(runId);
  expect(await isFree('beside-killed', runId)).toBe(false);
  await at.came('inside', 2);
  expect(await isFree('beside-killed', runId)).toBe(false);
  expect(workerOf(runId)?.pid).not.toBe(struck?.pid);
  at.go('inside');
  await at.came('given', 1);
  expect(await isFree('beside-killed', runId)).toBe(true);
  at.go('given');
  const run = await ended(runId);
  expect([run.state, said(run)]).toEqual(['success', ['true']]);
}, 240_000);

test('a run that ends because its worker was killed has lost its lock', async () => {
  await prepareTaker('beside-failed', 'lost');
  // Nobody knows whether the POST happened: the run fails, without having come to the end of its script.
  await prepare('failed', `${take('lost')}; await nango.post({ endpoint: '/pages/posted', data: {} });`);
  const at = hold(['failed'], 'posted');
  const runId = await begin('failed');
  await at.came('posted', 1);
  expect(await isFree('beside-failed', runId)).toBe(false);
  await killWorkerOf(runId);
  expect(await ended(runId)).toMatchObject({ state: 'failed', error: { code: 'call_in_doubt' } });
  const { logs } = await ended(await begin('beside-failed'));
  expect(logs[0]?.message).toBe('true');
}, 240_000);

test('a lock whose time is over is free for others, and no longer its first holder’s to give up', async () => {
  await prepareTaker('beside-short', 'short');
  await prepare('short', `${take('short', 2_000)}; ${ask('inside')} await nango.log(${give('short')});`);
  const at = hold(['short'], 'inside');
  const runId = await begin('short');
  await at.came('inside', 1);
  await until('lock that is free', () => isFree('beside-short', runId));
  at.go('inside');
  const run = await ended(runId);
  expect([run.state, said(run)]).toEqual(['success', ['false']]);
}, 180_000);
