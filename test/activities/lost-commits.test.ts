import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { answerOf, CUT_SOURCE, leftOf, WHOLE } from '../../bench/cuts/story.ts';
import { createClosing } from '../../runtime/closing.ts';
import { openDatabase } from '../../store/db.ts';
import { useDatabase } from '../support/database.ts';
import { type DurableRuns, openDurableRuns } from '../support/durable-runs.ts';
import { type LossyPostgres, startLossyPostgres } from '../support/lossy-postgres.ts';
import { useUpstream } from '../support/upstream.ts';

const upstream = useUpstream(({ url }) => ({ json: answerOf(url) }));
const database = useDatabase();
const closing = createClosing();
let lossy: LossyPostgres;
let runs: DurableRuns;
let everyNth = 0;

beforeAll(async () => {
  lossy = await startLossyPostgres(database.url, (commit) => everyNth > 0 && commit % everyNth === 0);
  closing.add('the proxy', lossy.close);
  const db = openDatabase(lossy.url, { max: 5, onLost: () => undefined });
  closing.add('the pool', () => db.end());
  const providers = { example: { auth_mode: 'API_KEY', proxy: { base_url: upstream.url } } };
  runs = await openDurableRuns({ db, closing, providers });
});
afterAll(() => closing.run());

test.each([2, 3, 5])(
  'commits of which every %i. is done and its answer lost: nothing is stored, counted or posted twice',
  async (nth) => {
    const connection = `every-${nth}`;
    const runId = await runs.allocate(await runs.deploy({ name: connection, source: CUT_SOURCE, connection }));
    const before = lossy.lost();
    everyNth = nth;
    expect(await runs.finish(runId)).toMatchObject({ state: 'success' });
    everyNth = 0;
    expect(lossy.lost() - before).toBeGreaterThanOrEqual(3);
    const { counts, live, logs, posts } = WHOLE;
    expect(await leftOf(database.pool, runId)).toEqual({ state: 'success', counts, live, counted: live, logs });
    expect(upstream.requests.filter(({ method }) => method === 'POST').map(({ url }) => url)).toEqual(posts);
  },
  180_000,
);
