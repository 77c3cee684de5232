import { randomUUID } from 'node:crypto';
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
