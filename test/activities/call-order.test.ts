import { afterEach, expect, test } from '@jest/globals';
import { untilStored } from '../../activities/store-retry.ts';
import { type InCallLine, joinCallLine, leaveCallLine } from '../../store/call-line.ts';
import { type CallLine, openCallLine } from '../../store/call-turns.ts';
import { endRun } from '../../store/runs.ts';
import { useDurableRuns } from '../support/use-durable-runs.ts';
import { until } from '../support/until.ts';

const durable = useDurableRuns();
afterEach(async () => void (await durable.pool.query('delete from call_line')));

const CALLS = 20;
const { signal } = new AbortController();
/** It stands still: however busy the machine is, nobody's patience ends. */
const AT = new Date('2026-01-01T00:00:00Z');
const now = () => AT;
let deployed = 0;

/** Runs of one connection that have begun. */
async function begunRuns(count: number): Promise<InCallLine[]> {
  const { runs, pool } = durable;
  return Promise.all(
    Array.from({ length: count }, async () => {
      deployed += 1;
      const source = 'export default async function fetchData() {}';
      const runId = await runs.allocate(await runs.deploy({ name: `sync-${deployed}`, source }));
      const { rows } = await pool.query<{ id: string }>(
        `update runs set state = 'running' where id = $1 returning connection_id::text as id`,
        [runId],
      );
      return { runId, connectionRow: rows[0]?.id ?? '', scope: 'connection' as const };
    }),
  );
}

const there = async () => (await durable.pool.query<{ id: string }>('select run_id as id from call_line')).rows;
const dueOf = async ({ runId }: InCallLine) =>
  (await durable.pool.query<{ due: Date }>('select due from call_line where run_id = $1', [runId])).rows[0]?.due ??
  new Date();
/** A call that has waited for a limit: its run stands in line. */
const hold = (line: CallLine, due: Date) =>
  line.hold(due.getTime(), { number: 0, signal, wait: async () => undefined }, async () => undefined);

/** Asks for the turn of each number, in that order, and answers the numbers as they went. */
function goInTurn(
  line: CallLine,
  numbers: readonly number[],
): { readonly went: number[]; readonly all: Promise<void> } {
  const went: number[] = [];
  const go = async (number: number): Promise<void> => {
    const leave = await line.turn({ number, signal, wait: (_due, _reason, sooner) => sooner ?? Promise.resolve() });
    went.push(number);
    leave?.(false);
  };
  return { went, all: Promise.all(numbers.map(go)).then(() => undefined) };
}

const shuffled = Array.from({ length: CALLS }, (_, n) => (n * 7) % CALLS);

test('calls that wait go in the order of the script, whatever the order in which they came', async () => {
  const deps = { db: durable.pool, clock: now, stored: untilStored };
  const [run] = await begunRuns(1);
  if (run === undefined) throw new Error('There is one');
  const line = openCallLine(deps, run, { isResumed: false });
  await hold(line, now());
  const { went, all } = goInTurn(line, shuffled);
  await all;
  expect(went).toEqual(shuffled.toSorted((a, b) => a - b));
  await until('empty line', async () => (await there()).length === 0);
});

test('a run that was lost in line lets others pass, and takes its turn again when it is resumed', async () => {
  const deps = { db: durable.pool, clock: now, stored: untilStored };
  const [lost, other] = await begunRuns(2);
  if (lost === undefined || other === undefined) throw new Error('There are two');
  await joinCallLine(durable.pool, lost, now(), now());
  const line = openCallLine(deps, other, { isResumed: false });
  await hold(line, now());
  const longAgo = new Date(now().getTime() - 6_000);
  await durable.pool.query('update call_line set due = $2 where run_id = $1', [lost.runId, longAgo]);
  await goInTurn(line, shuffled).all;
  // Its leaving is written after its last call has gone.
  await until('line of one', async () => (await there()).length === 1);
  expect(await there()).toEqual([{ id: lost.runId }]);

  await joinCallLine(durable.pool, other, now(), now());
  await durable.pool.query('update call_line set turns = case when run_id = $1 then 8 else 0 end', [lost.runId]);
  const resumed = goInTurn(openCallLine(deps, lost, { isResumed: true }), shuffled);
  // It has asked, and it is not its turn.
  await until('question for a turn', async () => resumed.went.length > 0 || (await dueOf(lost)) > longAgo);
  expect(resumed.went).toEqual([]);
  await leaveCallLine(durable.pool, other);
  await resumed.all;
  expect(resumed.went).toEqual(shuffled.toSorted((a, b) => a - b));
  await until('empty line', async () => (await there()).length === 0);
  // A run that was never in line waits for nobody.
  const [fresh] = await begunRuns(1);
  if (fresh === undefined) throw new Error('There is one');
  await joinCallLine(durable.pool, other, now(), now());
  await goInTurn(openCallLine(deps, fresh, { isResumed: true }), shuffled).all;
  expect(await there()).toEqual([{ id: other.runId }]);
});

test.each(['success', 'failed', 'cancelled'] as const)(
  'a run that ends as %s stands in line no more, nor joins it',
  async (state) => {
    const [run, other] = await begunRuns(2);
    if (run === undefined || other === undefined) throw new Error('There are two');
    const at = now();
    for (const line of [run, other]) await joinCallLine(durable.pool, line, at, at);
    await endRun(durable.pool, { runId: run.runId, fence: null, state, failure: null, output: null, at });
    expect(await there()).toEqual([{ id: other.runId }]);
    await joinCallLine(durable.pool, run, at, at);
    expect(await there()).toEqual([{ id: other.runId }]);
  },
);
