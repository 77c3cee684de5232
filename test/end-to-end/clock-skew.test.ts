import { describe, expect, test } from '@jest/globals';
import { connect, endedRun, PROVIDERS, trigger } from '../../bench/chaos/theatre.ts';
import { call } from '../../platform/example.ts';
import { useTheatre } from '../support/theatre.ts';

const HOUR_MS = 3_600_000;
/** Long enough for the run to leave its process meanwhile. */
const REFUSED_S = 12;
/** What a busy machine adds. */
const BUSY_S = 45;
const ENDS_WITHIN_MS = 120_000;
const at = { integration: 'skewed', connection: 'skewed', name: 'pages' } as const;

const SOURCE = `
export default async function fetchData(nango: any) {
  await nango.batchSave([{ id: 'seen', last: nango.lastSyncDate?.toISOString() ?? null, now: new Date().toISOString() }], 'Task');
  const { data } = await nango.get({ endpoint: '/pages/1', params: { refuse: ${REFUSED_S} } });
  await nango.batchSave(data.rows, 'Task');
}`;

type Seen = { readonly id: string; readonly last: string | null; readonly now: string };

describe.each([
  ['ahead', HOUR_MS],
  ['behind', -HOUR_MS],
])('a worker whose machine is an hour %s', (_, shiftMs) => {
  const stage = useTheatre({ workers: 1, settings: { NODE_OPTIONS: `--import=${shifted(shiftMs)}` } });

  test('waits as long as it was told to, and writes and shows the time that all go by', async () => {
    const { theatre } = stage;
    await call(theatre.caller, 'POST', '/integrations', { unique_key: at.integration, provider: PROVIDERS.plain });
    await connect(theatre, at.integration, at.connection);
    await theatre.deploy(at.integration, { name: at.name, source: SOURCE });
    const begun = Date.now();
    const first = await endedRun(theatre, await trigger(theatre, at), ENDS_WITHIN_MS);
    expect(first.state).toBe('success');
    const [refused, again] = theatre.upstream.askedBy(at.connection);
    const waitedS = ((again?.at ?? Number.NaN) - (refused?.answeredAt ?? Number.NaN)) / 1_000;
    expect(waitedS).toBeGreaterThanOrEqual(REFUSED_S - 0.1);
    expect(waitedS).toBeLessThan(REFUSED_S + BUSY_S);

    const { rows: runs } = await stage.database.pool.query<{ startedAt: Date; attempts: number }>(
      `select started_at as "startedAt", fence as attempts from runs where finished_at is not null order by created_at limit 1`,
    );
    const isNow = (moment: Date): void => {
      expect(moment.getTime()).toBeGreaterThanOrEqual(begun - 1_000);
      expect(moment.getTime()).toBeLessThanOrEqual(Date.now() + 1_000);
    };
    isNow(runs[0]?.startedAt ?? new Date(0));
    // Once, and once more behind the wait: it did not look every moment whether the wait was over.
    expect(runs[0]?.attempts).toBe(2);

    expect((await endedRun(theatre, await trigger(theatre, at), ENDS_WITHIN_MS)).state).toBe('success');
    const of = { 'provider-config-key': at.integration, 'connection-id': at.connection };
    const answer = await call<{ records: readonly Seen[] }>(
      theatre.caller,
      'GET',
      '/records?model=Task',
      undefined,
      [],
      of,
    );
    const seen = answer.records.find(({ id }) => id === 'seen');
    isNow(new Date(seen?.now ?? 0));
    expect(seen?.last).toBe(runs[0]?.startedAt.toISOString());
  }, 300_000);
});

/** A module that moves what a process takes for the time, as a machine with a wrong clock would. */
function shifted(byMs: number): string {
  const source = `
    const Real = Date;
    globalThis.Date = class extends Real {
      constructor(...given) { given.length === 0 ? super(Real.now() + ${byMs}) : super(...given); }
      static now() { return Real.now() + ${byMs}; }
    };`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}
