import { expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { ALL_POLLED } from '../support/engine.ts';

const api = useApi();
const ready = (query = '') => api.call('GET', `/ready${query}`, { key: null });

test('GET /ready has a line for each part and needs no key', async () => {
  expect(await ready()).toMatchObject({
    status: 200,
    body: { result: 'ok', store: 'ok', migrations: 'ok', engine: 'ok', workers: 'ok' },
  });
});

test('a task queue that nobody asked for 90 s, or ever, is named with what to start', async () => {
  const workflows: Readonly<Record<string, number | null>> = {
    'nango-syncs': 91_000,
    'nango-webhooks': null,
    'nango-actions': 89_000,
    'nango-background': 0,
  };
  api.engine.answer({
    taskQueues: async () =>
      ALL_POLLED.map((state) => ({
        ...state,
        polledAgoMs: state.kind === 'activity' ? 0 : (workflows[state.queue] ?? null),
      })),
  });
  const { status, body } = await ready();
  expect([status, body.result, body.engine]).toEqual([503, 'not ready', 'ok']);
  expect(body.workers).toBe(
    "none asks for work of nango-syncs, nango-webhooks: start 'npm run worker' with NANGO_WORKER_ROLES=syncs",
  );
});

test('a worker whose slots are all taken is well: it asks for no more activities', async () => {
  api.engine.answer({
    taskQueues: async () =>
      ALL_POLLED.map((state) => ({ ...state, polledAgoMs: state.kind === 'activity' ? null : 1_000 })),
  });
  expect(await ready()).toMatchObject({ status: 200, body: { workers: 'ok' } });
});

test('a Temporal out of reach is told apart from its workers, and no more than what is asked for counts', async () => {
  api.engine.answer({ taskQueues: async () => Promise.reject(new Error('down')) });
  const { status, body } = await ready();
  expect([status, body.store]).toEqual([503, 'ok']);
  expect(body.engine).toContain('TEMPORAL_ADDRESS');
  expect(body.workers).toBe('unknown while Temporal is out of reach');
  expect(await ready('?parts=store,migrations')).toMatchObject({
    status: 200,
    body: { result: 'ok', store: 'ok', migrations: 'ok' },
  });
});

test('a Temporal that does not answer is out of reach after three seconds', async () => {
  api.engine.answer({ taskQueues: () => new Promise(() => undefined) });
  expect(await ready('?parts=engine')).toMatchObject({ status: 503 });
});

test('a database of an older release is not ready and says how to bring it up to date', async () => {
  const { rows } = await api.db.query(
    `delete from migrations where name = (select max(name) from migrations) returning name, applied_at`,
  );
  const { status, body } = await ready('?parts=migrations');
  await api.db.query(`insert into migrations (name, applied_at) values ($1::text, $2::timestamptz)`, [
    rows[0].name,
    rows[0].applied_at,
  ]);
  expect([status, body.migrations]).toEqual([
    503,
    `${rows[0].name} not applied: run 'npm run migrate' of this release`,
  ]);
});

test('an unknown part is refused by name', async () => {
  const { status, body } = await ready('?parts=store,moon');
  expect([status, body.error.code]).toEqual([400, 'invalid_query_params']);
});
