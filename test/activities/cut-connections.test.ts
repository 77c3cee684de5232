import { afterAll, expect, test } from '@jest/globals';
import { answerOf, CUT_SOURCE, cutWhile, leftOf, WHOLE } from '../../bench/cuts/story.ts';
import type { Database } from '../../store/db.ts';
import { useDurableRuns } from '../support/use-durable-runs.ts';
import { useUpstream } from '../support/upstream.ts';

const SEEDS = 10;

const upstream = useUpstream(({ url }) => ({ json: answerOf(url) }));
const durable = useDurableRuns({ proxy: () => ({ base_url: upstream.url }) });
let killer: Database | undefined;
afterAll(() => killer?.end());

test.each(Array.from({ length: SEEDS }, (_, seed) => [seed + 1]))(
  'connections to Postgres cut at random moments under a run lose nothing and count nothing twice (seed %i)',
  async (seed) => {
    killer ??= durable.open(1);
    const { runs } = durable;
    const connection = `cut-${seed}`;
    const runId = await runs.allocate(await runs.deploy({ name: connection, source: CUT_SOURCE, connection }));
    const { cut } = await cutWhile(killer, seed, () => runs.finish(runId));
    expect(cut).toBeGreaterThan(0);
    const { counts, live, logs, posts } = WHOLE;
    expect(await leftOf(killer, runId)).toEqual({ state: 'success', counts, live, counted: live, logs });
    expect(upstream.requests.filter(({ method }) => method === 'POST').map(({ url }) => url)).toEqual(posts);
  },
  180_000,
);
