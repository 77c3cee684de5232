import { expect, test } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { endedRun, type RunJson, runSync, triggerSync, usePlatform } from '../support/platform.ts';
import { type UpstreamRequest, useUpstream } from '../support/upstream.ts';
import { killRunners } from '../support/runners.ts';

const platform = usePlatform();
const upstream = useUpstream();

const PAGES = 12;

/** A sync of twelve pages that also draws random numbers, reads the clock, logs, and posts once in the middle. */
const paged = (options = '') => `
export default async function fetchData(nango: any) {
  const seen: string[] = [];
  for (let page = 0; page < ${PAGES}; page++) {
    const { data } = await nango.get({ endpoint: '/pages/' + page, baseUrlOverride: '${upstream.url}', retries: 3 });
    seen.push(page + ':' + Math.random() + ':' + new Date().toISOString() + ':' + data.rows.length);
    await nango.batchSave(data.rows.map((row: any) => ({ ...row, seen: seen.at(-1) })), 'Task');
    await nango.log('page ' + page);
    if (page === 5) await nango.post({ endpoint: '/posts', baseUrlOverride: '${upstream.url}', data: { page } ${options} });
  }
}`;

function answerPage({ url }: UpstreamRequest) {
  const page = Number(url.split('/').at(-1));
  return { json: { rows: [0, 1, 2].map((row) => ({ id: `${page}-${row}`, value: page })) } };
}

async function connect(
  sync: string,
  source: string,
): Promise<{ integration: string; connection: string; name: string }> {
  await createIntegration(platform.caller, 'task-tracker', 'example-tracker');
  await createConnection(platform.caller, 'task-tracker', sync);
  await deployScripts(platform.caller, 'task-tracker', [{ name: sync, source }]);
  return { integration: 'task-tracker', connection: sync, name: sync };
}

/** Resolves when the upstream has been asked for that page, which it then answers only once `release` was called. */
function holdPage(page: number): { readonly asked: Promise<void>; readonly release: () => void } {
  const asked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  let held = false;
  upstream.handleWith(async (request) => {
    if (request.url === `/pages/${page}` && !held) {
      held = true;
      asked.resolve();
      await released.promise;
    }
    return answerPage(request);
  });
  return { asked: asked.promise, release: released.resolve };
}

const pagesAsked = () => upstream.requests.filter(({ method }) => method === 'GET').map(({ url }) => url);
const posts = () => upstream.requests.filter(({ method }) => method === 'POST').length;

test('a run whose script process is killed goes on where it was', async () => {
  const sync = await connect('killed', paged());
  const hold = holdPage(8);
  const runId = await triggerSync(platform, sync);
  await hold.asked;
  await killRunners();
  hold.release();
  const run = await endedRun(platform, runId);
  expectWhole(run);
  expect(run.replays).toEqual([{ at: expect.any(String), why: 'process' }]);
  expect(new Set(pagesAsked()).size).toBe(PAGES);
  expect(pagesAsked().length).toBeLessThanOrEqual(PAGES + 1);
  expect(posts()).toBe(1);
});

test('U116: a run whose script process is killed at every other page ends as if nothing had been', async () => {
  const sync = await connect('killed-often', paged());
  const killedAt = new Set<string>();
  upstream.handleWith(async (request) => {
    const isNew = !killedAt.has(request.url) && Number(request.url.split('/').at(-1)) % 2 === 1;
    if (isNew) killedAt.add(request.url);
    if (isNew) await killRunners();
    return answerPage(request);
  });
  expectWhole(await runSync(platform, sync));
  expect(killedAt.size).toBe(PAGES / 2);
  expect(posts()).toBe(1);
});

test('U107, U113: a run goes on in the next worker after its worker was stopped', async () => {
  const sync = await connect('handed-over', paged());
  const hold = holdPage(7);
  const runId = await triggerSync(platform, sync);
  await hold.asked;
  const stopped = platform.stop();
  hold.release();
  await stopped;
  await platform.start();
  expectWhole(await endedRun(platform, runId));
  expect(pagesAsked().length).toBeLessThanOrEqual(PAGES + 1);
  expect(posts()).toBe(1);
});

test('a script that failed after some pages keeps their records, and its next run starts afresh', async () => {
  const sync = await connect(
    'fails',
    paged().replace("await nango.log('page ' + page);", "if (page === 3) throw new Error('no more');"),
  );
  upstream.handleWith(answerPage);
  const run = await runSync(platform, sync);
  expect(run).toMatchObject({ state: 'failed', error: { message: expect.stringContaining('no more') } });
  expect(run.counts).toMatchObject({ Task: { added: expect.any(Number) } });
});

test('a checkpoint outlives a failed run, and the next run reads it', async () => {
  const source = `
export default async function fetchData(nango: any) {
  const checkpoint = await nango.getCheckpoint();
  await nango.log('from ' + JSON.stringify(checkpoint));
  await nango.saveCheckpoint({ page: (checkpoint?.page ?? 0) + 1, done: false });
  if (!checkpoint) throw new Error('the first run fails');
  await nango.clearCheckpoint();
  await nango.log('now ' + JSON.stringify(await nango.getCheckpoint()));
}`;
  const sync = await connect('checkpoints', source);
  expect((await runSync(platform, sync)).state).toBe('failed');
  const second = await runSync(platform, sync);
  expect(second.logs.map(({ message }) => message)).toEqual(['from {"page":1,"done":false}', 'now null']);
});

test('an action with a call in the middle of it answers after its process was killed', async () => {
  const source = `
export default async function runAction(nango: any) {
  const first = await nango.get({ endpoint: '/pages/1', baseUrlOverride: '${upstream.url}' });
  const second = await nango.get({ endpoint: '/pages/2', baseUrlOverride: '${upstream.url}' });
  return { rows: [first.data.rows.length, second.data.rows.length] };
}`;
  await createIntegration(platform.caller, 'task-tracker', 'example-tracker');
  await createConnection(platform.caller, 'task-tracker', 'acme');
  await deployScripts(platform.caller, 'task-tracker', [{ name: 'two-calls', source, type: 'action' }]);
  const hold = holdPage(2);
  const answer = call(platform.caller, 'POST', '/action/trigger', { action_name: 'two-calls' }, [], {
    'provider-config-key': 'task-tracker',
    'connection-id': 'acme',
  });
  await hold.asked;
  await killRunners();
  hold.release();
  expect(await answer).toEqual({ rows: [3, 3] });
  expect(pagesAsked().filter((url) => url === '/pages/1')).toHaveLength(1);
});

function expectWhole(run: RunJson): void {
  expect(run).toMatchObject({ state: 'success', error: null, counts: { Task: { added: 3 * PAGES, updated: 0 } } });
  expect(run.logs.map(({ message }) => message)).toEqual(Array.from({ length: PAGES }, (_, page) => `page ${page}`));
}
