import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { loadProviders } from '../../outbound/catalogue.ts';
import { type ExampleUpstream, exampleProviders, startExampleUpstream } from '../../platform/example-upstream.ts';

let upstream: ExampleUpstream;
beforeEach(async () => {
  upstream = await startExampleUpstream({});
});
afterEach(() => upstream.close());

type Page = {
  tasks: { id: string; title: string; deleted: boolean; updated_at: string }[];
  next_cursor: string | null;
};

async function call(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: Page & { id: string } }> {
  const headers = { authorization: 'Bearer any', 'content-type': 'application/json' };
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(upstream.url + path, { method, headers, ...sent });
  return { status: response.status, body: (await response.json()) as Page & { id: string } };
}

async function everyPage(query: string, start = ''): Promise<Page['tasks']> {
  const found: Page['tasks'] = [];
  for (let cursor: string | null = start; cursor !== null; ) {
    const page: Page = (await call('GET', `/tasks?${query}${cursor && `&cursor=${cursor}`}`)).body;
    found.push(...page.tasks);
    cursor = page.next_cursor;
  }
  return found;
}

test('25 tasks come in pages behind a cursor', async () => {
  const tasks = await everyPage('limit=10');
  expect(new Set(tasks.map((task) => task.id)).size).toBe(25);
  expect(upstream.requests()).toBe(3);
});

test('a task that changes between two pages hides no other', async () => {
  const first = (await call('GET', '/tasks?limit=10')).body;
  upstream.changeTask('task-1', { done: true });
  const rest = await everyPage('limit=10', first.next_cursor ?? '');
  expect(rest.map((task) => task.id)).toEqual(expect.arrayContaining(['task-1', 'task-11', 'task-25']));
  expect(rest).toHaveLength(16);
});

test('updated_since shows what was added, changed and deleted, and nothing else', async () => {
  const since = new Date().toISOString();
  const added = upstream.addTask({ title: 'New' });
  upstream.changeTask('task-2', { title: 'Other', assignee: null });
  upstream.deleteTask('task-3');
  const changes = await everyPage(`updated_since=${since}&limit=2`);
  expect(changes).toEqual([
    expect.objectContaining({ id: added.id, title: 'New', deleted: false }),
    expect.objectContaining({ id: 'task-2', title: 'Other', assignee: null }),
    expect.objectContaining({ id: 'task-3', deleted: true }),
  ]);
});

test('a deleted task is gone from the plain list', async () => {
  await call('DELETE', '/tasks/task-4');
  expect((await everyPage('')).map((task) => task.id)).not.toContain('task-4');
});

test('tasks are created and changed over HTTP', async () => {
  const created = await call('POST', '/tasks', { title: 'Over HTTP', assignee: { name: 'Ada' } });
  expect(created).toMatchObject({ status: 201, body: { title: 'Over HTTP', done: false, assignee: { name: 'Ada' } } });
  const changed = await call('PATCH', `/tasks/${created.body.id}`, { done: true });
  expect(changed).toMatchObject({ status: 200, body: { title: 'Over HTTP', done: true } });
});

test('a chat message is answered with its channel and time stamp', async () => {
  const posted = await call('POST', '/chat/postMessage', { channel: 'C1', text: 'hi' });
  expect(posted).toMatchObject({
    status: 200,
    body: { ok: true, channel: 'C1', ts: expect.stringMatching(/^\d+\.\d{6}$/) },
  });
  expect((await call('POST', '/chat/postMessage', { channel: 'C1' })).body).toEqual({ ok: false, error: 'no_text' });
});

test.each([
  ['GET', '/tasks?cursor=x', 400],
  ['GET', '/tasks?limit=0', 400],
  ['GET', '/tasks?updated_since=soon', 400],
  ['POST', '/tasks', 400],
  ['PATCH', '/tasks/nobody', 404],
  ['DELETE', '/tasks/nobody', 404],
  ['GET', '/elsewhere', 404],
])('%s %s is answered %i', async (method, path, status) => {
  expect((await call(method, path)).status).toBe(status);
});

test('without a token only the description is shown', async () => {
  expect((await fetch(`${upstream.url}/tasks`)).status).toBe(401);
  expect(await (await fetch(upstream.url)).json()).toMatchObject({ authorization: 'Bearer <any token>' });
});

test('requests are logged with their status', async () => {
  await call('GET', '/tasks?limit=1');
  expect(upstream.requestLog).toEqual([{ method: 'GET', path: '/tasks?limit=1', status: 200 }]);
});

test('its providers file is one that loads, and the one in examples is the same for port 4010', () => {
  const file = join(tmpdir(), `providers-${process.pid}.yaml`);
  writeFileSync(file, exampleProviders(upstream.url));
  const provider = loadProviders({ file }).get('example-tracker');
  rmSync(file);
  expect(provider).toMatchObject({ auth_mode: 'API_KEY', proxy: { base_url: upstream.url } });
  const example = readFileSync(new URL('../../examples/providers.yaml', import.meta.url), 'utf8');
  expect(example.endsWith(exampleProviders('http://127.0.0.1:4010'))).toBe(true);
});

test('a taken port is an error', async () => {
  await expect(startExampleUpstream({ port: Number(new URL(upstream.url).port) })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
});

test('a caller that breaks off in the middle of its body is not answered, and the next one is', async () => {
  const headers = { authorization: 'Bearer any', 'content-length': '1000' };
  const broken = request(`${upstream.url}/tasks`, { method: 'POST', headers });
  broken.on('error', () => undefined);
  broken.write('{');
  await once(broken, 'socket').then(([socket]) => once(socket, 'connect'));
  broken.destroy();
  expect((await call('GET', '/tasks')).status).toBe(200);
});
