/** Processes whose machines' clocks are hours off, each the other way: nothing is lost, doubled, early, late or refused. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connect, endedRun, PROVIDERS, trigger, type WorkerProcess } from '../../bench/chaos/theatre.ts';
import { startScript } from '../../bench/process.ts';
import { type Caller, call } from '../../platform/example.ts';
import { createClosing } from '../../runtime/closing.ts';
import { useTheatre } from '../support/theatre.ts';
import { useUpstream } from '../support/upstream.ts';

const HOUR_MS = 3_600_000;
const ENDS_WITHIN_MS = 60_000;
const NAME = 'clocks';
const OFF = [
  ['two hours fast', 2 * HOUR_MS],
  ['two hours slow', -2 * HOUR_MS],
] as const;

const closing = createClosing();
afterAll(() => closing.run(), 60_000);
const stage = useTheatre({ workers: 0 });
const application = useUpstream();

const shifted = (ms: number): readonly string[] => [
  '--import',
  `${new URL('../support/shifted-date.ts', import.meta.url)}?ms=${ms}`,
];
const SYNC = { integration: NAME, connection: NAME, name: 'pages' };
/** Its second page is refused once, for two seconds; the row says what the script took for the time. */
const SOURCE = `
export default async function fetchData(nango: any) {
  const since = nango.lastSyncDate?.toISOString() ?? null;
  await nango.get({ endpoint: '/pages/0' });
  await nango.get({ endpoint: '/pages/' + since, params: { refuse: 2 }, retries: 1 });
  await nango.batchSave([{ id: 'one', now: new Date().toISOString(), since }], 'Task');
}`;

beforeAll(async () => {
  await call(stage.theatre.caller, 'POST', '/integrations', { unique_key: NAME, provider: PROVIDERS.plain });
  await connect(stage.theatre, NAME, NAME);
  await stage.theatre.deploy(NAME, { name: SYNC.name, source: SOURCE });
  await call(stage.theatre.caller, 'PATCH', '/environment/webhooks', { primary_url: `${application.url}/hook` });
}, 60_000);

async function withWorker<T>(shiftMs: number, work: (worker: WorkerProcess) => Promise<T>): Promise<T> {
  const worker = await stage.theatre.startWorker(shifted(shiftMs));
  return work(worker).finally(worker.stop);
}

type Row = { readonly id: string; readonly now: string; readonly since: string | null };
const records = async (): Promise<readonly Row[]> => {
  const of = { 'provider-config-key': NAME, 'connection-id': NAME };
  const path = '/records?model=Task';
  return (await call<{ records: Row[] }>(stage.theatre.caller, 'GET', path, undefined, [], of)).records;
};

/** One run by a worker whose clock is off; answers what its script saw and by which times it took place. */
async function runBy(shiftMs: number) {
  return withWorker(shiftMs, async () => {
    const before = Date.now();
    const run = await endedRun(stage.theatre, await trigger(stage.theatre, SYNC), ENDS_WITHIN_MS);
    return { run, row: (await records())[0], before, after: Date.now() };
  });
}

test('a script’s time, its lastSyncDate and its waits are right, whichever worker runs it', async () => {
  let since: string | null = null;
  for (const [, shiftMs] of [...OFF, ...OFF]) {
    const { run, row, before, after } = await runBy(shiftMs);
    expect(run).toMatchObject({ state: 'success', error: null });
    expect(Date.parse(row?.now ?? '')).toBeGreaterThanOrEqual(before - SLACK_MS);
    expect(Date.parse(row?.now ?? '')).toBeLessThanOrEqual(after + SLACK_MS);
    // Of the run before, by whatever worker: its start, which is earlier than this one's.
    if (since !== null) expect(Date.parse(row?.since ?? '')).toBeGreaterThan(Date.parse(since));
    else expect(row?.since).toBeNull();
    since = row?.since ?? new Date(0).toISOString();
    const [refused, again] = stage.theatre.upstream.askedBy(NAME).filter(({ path }) => path === `/pages/${row?.since}`);
    const waitedMs = (again?.at ?? 0) - (refused?.at ?? 0);
    expect(waitedMs).toBeGreaterThanOrEqual(2_000 - SLACK_MS);
    expect(waitedMs).toBeLessThan(ENDS_WITHIN_MS);
  }
}, 240_000);

/** Between the clock of this process and that of Postgres on the same machine, and what timers are early by. */
const SLACK_MS = 100;
/** Of a delivery's first wait of five seconds, a fifth is left to chance. */
const FIRST_WAIT_MS = 4_000;

test.each(OFF)(
  'a webhook that fails is sent again when it is due, by a worker that is %s',
  async (_, shiftMs) => {
    const heard = new Map<unknown, number[]>();
    const again = Promise.withResolvers<readonly number[]>();
    application.handleWith(({ headers: { 'x-nango-delivery': delivery } }) => {
      const times = [...(heard.get(delivery) ?? []), performance.now()];
      heard.set(delivery, times);
      if (times.length > 1) again.resolve(times);
      return { status: times.length > 1 ? 200 : 503 };
    });
    await withWorker(shiftMs, async () => {
      await endedRun(stage.theatre, await trigger(stage.theatre, SYNC), ENDS_WITHIN_MS);
      const [first = 0, second = 0] = await again.promise;
      expect(second - first).toBeGreaterThanOrEqual(FIRST_WAIT_MS - SLACK_MS);
    });
  },
  120_000,
);

test.each(OFF)(
  'an API that is %s knows what another made, and refuses only what has ended',
  async (_, shiftMs) => {
    const api = await startScript('platform/api.ts', {
      ...{ closing, settings: { ...stage.theatre.settings, NANGO_ACTIONS_IN_API: 'false' } },
      ...{ ready: /"api\.ready","url":"([^"]+)"/, nodeOptions: shifted(shiftMs) },
    });
    const there: Caller = { ...stage.theatre.caller, apiUrl: api.ready[1] ?? '' };
    const session = await call<{ data: { token: string } }>(stage.theatre.caller, 'POST', '/connect/sessions', {
      end_user: { id: 'u1' },
    });
    const opened = await fetch(`${there.apiUrl}/connect/session`, {
      headers: { authorization: `Bearer ${session.data.token}` },
    });
    expect(opened.status).toBe(200);

    const signed = `slack${shiftMs}`;
    const credentials = { type: 'OAUTH2', client_id: 'id', client_secret: 'secret', webhook_secret: 'signing' };
    await call(there, 'POST', '/integrations', { unique_key: signed, provider: 'slack', credentials });
    const { data } = await call<{ data: { webhook_url: string } }>(
      there,
      'GET',
      `/integrations/${signed}?include=webhook`,
    );
    const send = async (timestamp: number): Promise<number> => {
      const body = JSON.stringify({ type: 'event_callback', event: { type: 'message' }, event_id: String(timestamp) });
      const digest = createHmac('sha256', 'signing').update(`v0:${timestamp}:${body}`).digest('hex');
      const headers = {
        'content-type': 'application/json',
        'x-slack-signature': `v0=${digest}`,
        'x-slack-request-timestamp': String(timestamp),
      };
      return (await fetch(new URL(new URL(data.webhook_url).pathname, there.apiUrl), { method: 'POST', body, headers }))
        .status;
    };
    const nowS = Math.floor(Date.now() / 1_000);
    expect(await send(nowS)).toBe(200);
    // Recorded and sent again after two hours, or made up for later.
    expect(await send(nowS - 7_200)).toBe(401);
    expect(await send(nowS + 7_200)).toBe(401);
    await api.stop();
  },
  120_000,
);

test('an API that is fast finds workers ready that ask for work now', async () => {
  await withWorker(-2 * HOUR_MS, async () => {
    const api = await startScript('platform/api.ts', {
      ...{ closing, settings: stage.theatre.settings, ready: /"api\.ready","url":"([^"]+)"/ },
      nodeOptions: shifted(2 * HOUR_MS),
    });
    const ready = await fetch(`${api.ready[1]}/ready`);
    expect([ready.status, await ready.json()]).toMatchObject([200, { workers: 'ok' }]);
    await api.stop();
  });
}, 120_000);
