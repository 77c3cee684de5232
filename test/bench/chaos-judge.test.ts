import { expect, test } from '@jest/globals';
import { judge } from '../../bench/chaos/judge.ts';
import { randomScript } from '../../bench/chaos/script.ts';
import type { Blow, BlowKind, Run, Trace } from '../../bench/chaos/trace.ts';
import type { Asked } from '../../bench/chaos/upstream.ts';

const PAGE = { method: 'GET', path: '/pages/1', width: 1, status: 200 };
const POST = { method: 'POST', path: '/posts/1', width: 1, status: 200 };
const script = { ...randomScript(1), isKeyed: false, posts: [{ path: POST.path, retries: 0, ordinal: 1 }] };

test('a page under way at a blow may be asked once more', () => {
  const asked = [page(0, undefined), page(200)];
  expect(judge(script, calm(), trace(asked), [blow('script', 5)])).toMatchObject({ faults: [], repeatedGets: 1 });
});

test('a page asked again without a blow is a fault', () => {
  const { faults } = judge(script, calm(), trace([page(0), page(200)]), [blow('script', 300)]);
  expect(faults).toEqual(['GET /pages/1 was asked again without a blow']);
});

test('two pages asked again after one blow on the script are a fault, after the death of a worker none', () => {
  const asked = [page(0), page(20, 30, '/pages/2'), page(200), page(220, 230, '/pages/2')];
  const verdicts = (['script', 'worker'] as const).map((kind) =>
    judge(script, calm(), trace(asked), [blow(kind, 100)]),
  );
  expect(verdicts.map(({ faults }) => faults)).toEqual([['one blow made GETs be asked again: /pages/1 /pages/2'], []]);
});

test('a page that each of two deaths lost is asked twice more', () => {
  const asked = [page(0), page(200), page(400)];
  const verdict = judge(script, calm(), trace(asked), [blow('worker', 100), blow('worker', 300)]);
  expect(verdict).toMatchObject({ faults: [], repeatedGets: 1 });
});

test('a page that a worker answered long before its death is not lost', () => {
  const asked = [page(0), page(20, 30, '/pages/2'), page(20_000), page(20_020, 20_030, '/pages/2')];
  const { faults } = judge(script, calm(), trace(asked), [blow('worker', 15_000)]);
  expect(faults).toEqual(['one blow made GETs be asked again: /pages/1 /pages/2']);
});

test('a run may fail for a POST that its dead worker never sent', () => {
  const error = { code: 'call_in_doubt', message: `POST ${POST.path} may have been made` };
  const failed = (asked: readonly Asked[]): Trace => trace(asked, { state: 'error', error });
  const judged = (kind: BlowKind) => judge(script, calm(), failed([page(0)]), [blow(kind, 100)]);
  expect(judged('worker')).toMatchObject({ faults: [], doubtsFailed: 1 });
  expect(judged('script').faults).not.toEqual([]);
});

test('a POST made again after the death of a script process is a fault', () => {
  const post = (at: number) => ({ ...asking(at, at + 10), ...POST });
  const verdict = judge(script, trace([post(0)]), trace([post(0), post(200)]), [blow('script', 100)]);
  expect(verdict).toMatchObject({ faults: ['POST /posts/1 was made 1 times more than asked for'], repeatedPosts: 1 });
});

test('from each blow of the run’s own it is told how long until the next sign of life', () => {
  const [first, second] = [page(0), page(2_000)];
  const blows: Blow[] = [
    { kind: 'script', at: 500, during: first },
    { kind: 'worker', at: 2_500, during: second },
    blow('backend', 2_600),
  ];
  const { resumed } = judge(script, calm(), { ...trace([first, second]), endedAt: 9_500 }, blows);
  expect(resumed).toEqual([
    { from: 'script', s: 1.5 },
    { from: 'worker', s: 7 },
  ]);
});

test('when a wait ends is not compared, other lines are', () => {
  const said = (...messages: string[]): Trace =>
    trace([page(0)], { logs: messages.map((message) => ({ level: 'info', message })) });
  const waited = said('The run waits until 2026-01-01T00:00:00Z: GET /pages/1 answered 429', 'kept 1');
  expect(judge(script, waited, said('kept 1'), []).faults).toEqual([]);
  expect(judge(script, waited, said('kept 2'), []).faults).not.toEqual([]);
});

function asking(
  at: number,
  answeredAt: number | undefined,
): Pick<Asked, 'connection' | 'at' | 'answeredAt' | 'idempotencyKey'> {
  return { connection: 'struck', at, answeredAt, idempotencyKey: undefined };
}

function page(at: number, answeredAt: number | undefined = at + 10, path = PAGE.path): Asked {
  return { ...asking(at, answeredAt), ...PAGE, path };
}

function blow(kind: BlowKind, at: number): Blow {
  return { kind, at, during: page(at) };
}

function calm(): Trace {
  return trace([page(0)]);
}

function trace(asked: readonly Asked[], run: Partial<Run> = {}): Trace {
  return {
    run: { id: 'r', state: 'success', workflow_id: 'w', counts: {}, error: null, logs: [], ...run },
    tasks: [],
    draws: [{ id: 'all', values: [] }],
    checkpoint: null,
    metadata: null,
    journalRows: 0,
    asked,
    endedAt: 1_000,
  };
}
