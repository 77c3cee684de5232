import { randomBytes, randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { withTransaction } from '../../store/db.ts';
import { deleteRecords, saveRecords } from '../../store/records.ts';
import { beginAttempt } from '../../store/runs.ts';
import { NOW, useApi } from '../support/api.ts';
import { createTracker, deployFlows, flow } from '../support/deployment.ts';

const api = useApi();

/** Connection `c1` of a new integration with a sync that is running; saves through it. */
async function writer() {
  const key = randomUUID();
  await createTracker(api, key);
  await deployFlows(api, flow(key, 'tasks', { models: ['Task', 'Empty'] }));
  const [run] = (await api.call('GET', `/runs?provider_config_key=${key}`)).body.runs;
  const attempt = await beginAttempt(api.db, { runId: run.id, workflowRunId: key, at: NOW });
  const scope = { connectionRow: attempt?.connectionRow ?? '', model: 'Task', variant: 'base' };
  const base = { ...scope, runId: run.id, fence: attempt?.fence ?? -1, syncId: null };
  return {
    key,
    save: (rows: { id: string }[], at = NOW) =>
      withTransaction(api.db, (db) =>
        saveRecords(
          db,
          { ...base, at, ids: rows.map(({ id }) => id) },
          rows.map((row) => JSON.stringify(row)),
        ),
      ),
    remove: (ids: string[], at = NOW) => withTransaction(api.db, (db) => deleteRecords(db, { ...base, at, ids })),
    prune: (body: unknown) =>
      api.call('PATCH', '/records/prune', { body, headers: { 'provider-config-key': key, 'connection-id': 'c1' } }),
    read: (query: string, path = '/records') =>
      api.call('GET', `${path}?${query}`, { headers: { 'provider-config-key': key, 'connection-id': 'c1' } }),
  };
}

const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
const ids = (body: { records: { id: string }[] }) => body.records.map(({ id }) => id);

test('records come with their metadata', async () => {
  const { save, read } = await writer();
  await save([{ id: 'a' }]);
  const { status, headers, body } = await read('model=Task');
  expect([status, headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
  expect(body).toEqual({
    records: [
      {
        id: 'a',
        _nango_metadata: {
          first_seen_at: '2026-01-01T00:00:00.000000+00:00',
          last_modified_at: '2026-01-01T00:00:00.000000+00:00',
          last_action: 'ADDED',
          deleted_at: null,
          pruned_at: null,
          cursor: expect.stringMatching(/^[\w-]+$/),
        },
      },
    ],
    next_cursor: null,
  });
});

test('cursors page through everything, and each record’s own cursor is a place to go on', async () => {
  const { save, read } = await writer();
  await save(Array.from({ length: 25 }, (_, index) => ({ id: `r${String(index).padStart(2, '0')}` })));
  const seen: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const { body }: { body: { records: { id: string }[]; next_cursor: string | null } } = await read(
      `model=Task&limit=10&cursor=${cursor}`,
    );
    seen.push(...ids(body));
    cursor = body.next_cursor;
  }
  expect(seen).toEqual(Array.from({ length: 25 }, (_, index) => `r${String(index).padStart(2, '0')}`));
  const { body } = await read('model=Task');
  const third = body.records[2]._nango_metadata.cursor;
  expect(ids((await read(`model=Task&limit=2&cursor=${third}`)).body)).toEqual(['r03', 'r04']);
});

test('a page that ends exactly at the end has no next cursor', async () => {
  const { save, read } = await writer();
  await save([{ id: 'a' }, { id: 'b' }]);
  expect((await read('model=Task&limit=2')).body.next_cursor).toBeNull();
  expect((await read('model=Task&limit=1')).body.next_cursor).not.toBeNull();
});

test('filters combine, in any case and order', async () => {
  const { save, remove, read } = await writer();
  await save([{ id: 'a' }, { id: 'u' }, { id: 'd' }]);
  await save([{ id: 'u', n: 1 } as { id: string }], later(1));
  await remove(['d'], later(2));
  expect(ids((await read('model=Task&filter=deleted,UPDATED')).body)).toEqual(['u', 'd']);
  expect(ids((await read('model=Task&filter=added,deleted')).body)).toEqual(['a', 'd']);
  expect(ids((await read('model=Task&filter=added,updated,deleted')).body)).toEqual(['a', 'u', 'd']);
  expect((await read('model=Task&filter=added,removed')).body.error.errors).toMatchObject([{ path: ['filter'] }]);
});

test('modified_after and its old name delta are exact, also with an unencoded plus', async () => {
  const { save, read } = await writer();
  await save([{ id: 'a' }]);
  await save([{ id: 'b' }]);
  const { body } = await read('model=Task');
  const time = body.records[0]._nango_metadata.last_modified_at;
  expect(ids((await read(`model=Task&modified_after=${encodeURIComponent(time)}`)).body)).toEqual(['b']);
  expect(ids((await read(`model=Task&delta=${time}`)).body)).toEqual(['b']);
  expect(ids((await read('model=Task&modified_after=2025-12-31')).body)).toEqual(['a', 'b']);
});

test('ids pick rows; a trailing slash changes nothing', async () => {
  const { save, read } = await writer();
  await save([{ id: 'a' }, { id: 'b' }, { id: "c'%/🦊" }]);
  expect(ids((await read(`model=Task&ids=b&ids=${encodeURIComponent("c'%/🦊")}`, '/records/')).body)).toEqual([
    'b',
    "c'%/🦊",
  ]);
  expect(ids((await read('model=Task&ids=a')).body)).toEqual(['a']);
});

test('REC U013: 1, 20, 21 and 100 ids are answered alike', async () => {
  const { save, read } = await writer();
  const all = Array.from({ length: 150 }, (_, index) => `r${String(index).padStart(3, '0')}`);
  await save(all.map((id) => ({ id })));
  for (const count of [1, 20, 21, 100]) {
    const asked = all.slice(10, 10 + count);
    expect(ids((await read(`model=Task&${asked.map((id) => `ids=${id}`).join('&')}`)).body)).toEqual(asked);
  }
});

test('CUR U019: 500 rows of one instant come once each in pages of 7, and times go back in as they came out', async () => {
  const { save, read } = await writer();
  const all = Array.from({ length: 500 }, (_, index) => ({ id: `r${index}` }));
  await save(all);
  const seen: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body }: { body: { records: { id: string }[]; next_cursor: string | null } } = await read(
      `model=Task&limit=7&cursor=${cursor}`,
    );
    seen.push(...ids(body));
    cursor = body.next_cursor;
  }
  expect(seen).toEqual(ids({ records: all }));
  await save([{ id: 'next' }]);
  const { records } = (await read('model=Task&limit=1')).body;
  const time = encodeURIComponent(records[0]._nango_metadata.last_modified_at);
  expect(ids((await read(`model=Task&modified_after=${time}`)).body)).toEqual(['next']);
});

test('CUR U020: a saved cursor brings every later change and nothing else, each at its place', async () => {
  const { save, remove, read } = await writer();
  await save([{ id: 'oldest' }, { id: 'middle' }, { id: 'newest' }]);
  const { records } = (await read('model=Task')).body;
  const cursor = records.at(-1)._nango_metadata.cursor;
  await save([{ id: 'oldest', n: 1 } as { id: string }], later(1));
  await remove(['middle'], later(2));
  const { body } = await read(`model=Task&cursor=${cursor}`);
  expect(
    body.records.map((record: { id: string; _nango_metadata: { last_action: string } }) => [
      record.id,
      record._nango_metadata.last_action,
    ]),
  ).toEqual([
    ['oldest', 'UPDATED'],
    ['middle', 'DELETED'],
  ]);
});

test('pruned records keep id, place, times and content hash, and say when they were pruned', async () => {
  const { save, prune, read } = await writer();
  await save([{ id: 'a', text: 'long' } as { id: string }, { id: 'b' }, { id: 'c' }]);
  const before = (await read('model=Task')).body.records;
  const until = before[1]._nango_metadata.cursor;
  expect((await prune({ model: 'Task', until_cursor: until, limit: 1 })).body).toEqual({ count: 1, has_more: true });
  expect((await prune({ model: 'Task', until_cursor: until })).body).toEqual({ count: 1, has_more: false });
  expect((await prune({ model: 'Task', until_cursor: until })).body).toEqual({ count: 0, has_more: false });
  const after = (await read('model=Task')).body.records;
  expect(after).toEqual([
    { id: 'a', _nango_metadata: { ...before[0]._nango_metadata, pruned_at: expect.stringMatching(/^2026-01-01T/) } },
    { id: 'b', _nango_metadata: { ...before[1]._nango_metadata, pruned_at: expect.any(String) } },
    before[2],
  ]);
  // The same content is no change, and brings nothing back; other content does.
  expect(await save([{ id: 'a', text: 'long' } as { id: string }])).toMatchObject({ added: 0, updated: 0 });
  expect(await save([{ id: 'a', text: 'new' } as { id: string }])).toMatchObject({ updated: 1 });
  const [changed] = (await read('model=Task&ids=a')).body.records;
  expect(changed).toMatchObject({ text: 'new', _nango_metadata: { pruned_at: null, last_action: 'UPDATED' } });
});

test.each([
  [{ model: 'Task', until_cursor: 'rubbish' }, 'until_cursor'],
  [{ model: 'Task' }, 'until_cursor'],
  [{ model: 'Task', until_cursor: 'MTo3', limit: 0 }, 'limit'],
  [{ model: 'Task', until_cursor: 'MTo3', all: true }, 'all'],
])('pruning with %j is refused at %s', async (body, path) => {
  const { prune } = await writer();
  const answer = await prune(body);
  expect([answer.status, answer.body.error.code]).toEqual([400, 'invalid_body']);
  expect(answer.body.error.errors[0].path[0] ?? answer.body.error.message).toContain(path);
});

test('the first clients’ list: a bare array, sorted, with an offset, without what was deleted', async () => {
  const { save, remove, read } = await writer();
  await save([{ id: 'c' }, { id: 'a' }]);
  await save([{ id: 'b' }, { id: 'gone' }], later(1));
  await save([{ id: 'a', n: 1 } as { id: string }], later(2));
  await remove(['gone'], later(3));
  const list = async (query: string) => (await read(`model=Task&${query}`, '/sync/records')).body;
  const listed = async (query: string) => (await list(query)).map(({ id }: { id: string }) => id);
  expect(await list('sort_by=id&order=asc')).toEqual([{ id: 'a', n: 1 }, { id: 'b' }, { id: 'c' }]);
  expect(await listed('')).toEqual(['c', 'b', 'a']);
  expect(await listed('sort_by=updatedAt&order=asc')).toEqual(['c', 'b', 'a']);
  expect(await listed('sort_by=createdAt&order=desc')).toEqual(['b', 'c', 'a']);
  expect(await listed('sort_by=id&order=asc&limit=1&offset=1')).toEqual(['b']);
  expect(await listed('filter=deleted')).toEqual(['gone']);
  expect(await listed('filter=added,deleted&order=asc')).toEqual(['b', 'c', 'gone']);
  expect(await listed(`delta=${encodeURIComponent(later(1).toISOString())}&order=asc`)).toEqual(['a']);
  expect(await list('include_nango_metadata=true&order=asc&limit=2&offset=2')).toEqual([
    {
      first_seen_at: '2026-01-01T00:00:00.000000+00:00',
      last_modified_at: '2026-01-01T00:00:00.000000+00:00',
      last_action: 'ADDED',
      deleted_at: null,
      record: { id: 'c' },
    },
    expect.objectContaining({ last_action: 'DELETED', deleted_at: '2026-01-01T00:00:03.000000+00:00' }),
  ]);
  expect((await read('model=Task&sort=id', '/sync/records')).body.error.errors).toMatchObject([{ path: ['sort'] }]);
});

test('the first clients’ list goes on rightly past one chunk, by every order', async () => {
  const { save, read } = await writer();
  const all = Array.from({ length: 1_203 }, (_, index) => ({ id: `r${String(index).padStart(4, '0')}` }));
  for (let from = 0; from < all.length; from += 400) await save(all.slice(from, from + 400), later(from));
  for (const sort of ['id', 'createdAt', 'updatedAt']) {
    const { body } = await read(`model=Task&sort_by=${sort}&order=desc&limit=10000&offset=3`, '/sync/records');
    expect(ids({ records: body })).toEqual(ids({ records: all.toReversed().slice(3) }));
  }
});

test.each([
  ['', 'model'],
  ['model=Task&limit=0', 'limit'],
  ['model=Task&limit=10001', 'limit'],
  ['model=Task&limit=1e3', 'limit'],
  ['model=Task&cursor=rubbish', 'cursor'],
  ['model=Task&modified_after=yesterday', 'modified_after'],
  ['model=Task&modified_after=2026-02-30T00:00:00Z', 'modified_after'],
  ['model=Task&sort=id', 'sort'],
  [`model=Task&${Array.from({ length: 101 }, () => 'ids=a').join('&')}`, 'ids'],
  ['model=Task&model=User', 'model'],
  ['model=a%00', 'model'],
])('the query %s is refused at %s', async (query, path) => {
  const { status, body } = await api.call('GET', `/records?${query}`, {
    headers: { 'provider-config-key': 'k', 'connection-id': 'c' },
  });
  expect([status, body.error.code, body.error.errors[0].path[0]]).toEqual([400, 'invalid_query_params', path]);
});

test('a model without rows is empty when a sync declares it and unknown otherwise', async () => {
  const { read } = await writer();
  expect((await read('model=Empty')).body).toEqual({ records: [], next_cursor: null });
  const { status, body } = await read('model=Tsk');
  expect([status, body.error.code]).toEqual([404, 'unknown_model']);
  expect(body.error.message).toMatch(/'Tsk'.*'Empty', 'Task'/);
});

test('headers are demanded, and what they name must exist', async () => {
  const { key } = await writer();
  expect((await api.call('GET', '/records?model=Task')).body.error).toMatchObject({
    code: 'invalid_headers',
    errors: [{ path: ['provider-config-key'] }, { path: ['connection-id'] }],
  });
  const read = (headers: Record<string, string>, secret = api.key) =>
    api.call('GET', '/records?model=Task', { headers, key: secret });
  expect((await read({ 'provider-config-key': key, 'connection-id': 'x' })).body.error.code).toBe('unknown_connection');
  expect((await read({ 'provider-config-key': 'x', 'connection-id': 'c1' })).body.error.code).toBe(
    'unknown_provider_config',
  );
  expect((await read({ 'provider-config-key': key, 'connection-id': 'c1' }, api.otherKey)).status).toBe(404);
});

test('ten thousand records come whole', async () => {
  const { save, read } = await writer();
  await save(Array.from({ length: 10_000 }, (_, index) => ({ id: String(index), text: 'x'.repeat(300) })));
  const { body } = await read('model=Task&limit=10000');
  expect(new Set(ids(body)).size).toBe(10_000);
  expect(body.next_cursor).toBeNull();
});

test('a page of ten thousand large records passes in memory that stays flat', async () => {
  const { key, save } = await writer();
  const [rows, each] = [10_000, 20_000];
  const noise = randomBytes(each / 2).toString('hex');
  for (let from = 0; from < rows; from += 500)
    await save(Array.from({ length: 500 }, (_, at) => ({ id: String(from + at), text: `${from + at} ${noise}` })));
  const headers = { authorization: `Bearer ${api.key}`, 'provider-config-key': key, 'connection-id': 'c1' };
  const response = await fetch(`${api.url}/records?model=Task&limit=${rows}`, { headers });
  const before = process.memoryUsage.rss();
  let [bytes, peak] = [0, before];
  for await (const part of response.body ?? []) {
    bytes += part.byteLength;
    peak = Math.max(peak, process.memoryUsage.rss());
  }
  expect(bytes).toBeGreaterThan(rows * each);
  // Its reader is in this process too; whole, the page would be here as rows, as text and as bytes.
  expect(peak - before).toBeLessThan(rows * each);
}, 180_000);
