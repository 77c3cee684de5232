import { afterEach, expect, test } from '@jest/globals';
import type { LimitScope } from '../../store/api-limits.ts';
import { type InCallLine, joinCallLine, leaveCallLine, takeTurn } from '../../store/call-line.ts';
import { useDurableRuns } from '../support/use-durable-runs.ts';

const durable = useDurableRuns();
let deployed = 0;
afterEach(async () => void (await durable.pool.query('delete from call_line')));

const AT = new Date('2026-01-01T00:00:00Z');
const later = (ms: number) => new Date(AT.getTime() + ms);

async function inLine(scope: LimitScope, connections: readonly string[]): Promise<InCallLine[]> {
  return Promise.all(
    connections.map(async (connection) => {
      deployed += 1;
      const source = 'export default async function fetchData() {}';
      const runId = await durable.runs.allocate(
        await durable.runs.deploy({ name: `sync-${deployed}`, source, connection }),
      );
      const { rows } = await durable.pool.query<{ id: string }>('select connection_id as id from runs where id = $1', [
        runId,
      ]);
      return { runId, connectionRow: rows[0]?.id ?? '', scope };
    }),
  );
}

/** How many of that many tries get a turn. */
async function turns(line: InCallLine, tries: number, at = AT): Promise<number> {
  let taken = 0;
  for (let n = 0; n < tries; n += 1) taken += Number(await takeTurn(durable.pool, line, at));
  return taken;
}

test.each([
  ['connection', ['a', 'a']],
  ['integration', ['b', 'c']],
] as const)('runs of one %s get no more than four turns ahead of each other', async (scope, connections) => {
  const [many, few] = await inLine(scope, connections);
  if (many === undefined || few === undefined) throw new Error('There are two');
  for (const line of [many, few]) await joinCallLine(durable.pool, line, AT, AT);
  expect(await turns(many, 10)).toBe(4);
  expect(await turns(few, 1)).toBe(1);
  expect(await turns(many, 10)).toBe(1);
  await leaveCallLine(durable.pool, few);
  expect(await turns(many, 10)).toBe(10);
  // Whoever joins has no turns to make up for.
  await joinCallLine(durable.pool, few, AT, AT);
  expect(await turns(few, 10)).toBe(4);
});

test('the callers of a process, who have no run, get no more than four turns ahead of a run, nor it of them', async () => {
  const [run] = await inLine('connection', ['g']);
  if (run === undefined) throw new Error('There is one');
  const callers: InCallLine = { ...run, runId: 'callers:1', isCallers: true };
  for (const line of [callers, run]) await joinCallLine(durable.pool, line, AT, AT);
  expect(await turns(callers, 10)).toBe(4);
  expect(await turns(run, 10)).toBe(8);
  expect(await turns(callers, 10)).toBe(8);
  // What a process leaves behind that is gone stands in nobody's way, and goes.
  await joinCallLine(durable.pool, run, later(70_000), later(70_000));
  expect((await durable.pool.query('select run_id as id from call_line')).rows).toEqual([{ id: run.runId }]);
});

test('whoever waits for a later moment holds up nobody, and whoever does not come only for some seconds', async () => {
  const [many, few] = await inLine('connection', ['d', 'd']);
  if (many === undefined || few === undefined) throw new Error('There are two');
  await joinCallLine(durable.pool, many, AT, AT);
  await joinCallLine(durable.pool, few, later(1_000), AT);
  expect(await turns(many, 10)).toBe(10);
  expect(await turns(many, 10, later(1_001))).toBe(0);
  expect(await turns(many, 10, later(6_001))).toBe(10);
});

test('runs of other connections, and runs that do not stand in line, are let through', async () => {
  const [many, other, third] = await inLine('connection', ['e', 'f', 'e']);
  if (many === undefined || other === undefined || third === undefined) throw new Error('There are three');
  for (const line of [many, other]) await joinCallLine(durable.pool, line, AT, AT);
  expect(await turns(many, 10)).toBe(10);
  expect(await turns(third, 10)).toBe(10);
});
