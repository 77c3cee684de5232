import { expect, test } from '@jest/globals';
import { tellCalls } from '../../activities/told-calls.ts';
import { openCalls, sealCalls } from '../../store/run-calls.ts';
import { createSecretBox } from '../../store/secret-box.ts';

const BEGINS = 1_700_000_000_000;
const box = createSecretBox(Buffer.alloc(32, 7).toString('base64'));

test('a call is told without its query, with its answer and the time since the answer before', () => {
  const calls = tellCalls(new Date(BEGINS));
  calls.hear(get('/rows?token=secret', BEGINS + 40));
  calls.hear({ kind: 'log', args: '{"message":"said"}', ok: true, json: 'null', now: BEGINS + 45 });
  calls.hear({ kind: 'saveRecords', args: '{"model":"Task","rows":3}', ok: true, json: 'null', now: BEGINS + 50 });
  calls.hear({ ...get('/gone', BEGINS + 90), ok: false, json: '{"code":"upstream_unreachable"}' });
  expect(calls.told()).toEqual({
    first: [
      { text: 'GET /rows', answer: '200', ok: true, at: BEGINS + 40, tookMs: 40, times: 1 },
      { text: 'batchSave Task, 3 rows', answer: 'done', ok: true, at: BEGINS + 50, tookMs: 10, times: 1 },
      { text: 'GET /gone', answer: 'upstream_unreachable', ok: false, at: BEGINS + 90, tookMs: 40, times: 1 },
    ],
    leftOut: 0,
    last: [],
  });
});

test('calls that are the same one after the other are one line', () => {
  const calls = tellCalls(new Date(BEGINS));
  for (let page = 1; page <= 1_000; page += 1) calls.hear(get(`/rows?page=${page}`, BEGINS + page * 10));
  expect(calls.told().first).toEqual([
    { text: 'GET /rows', answer: '200', ok: true, at: BEGINS + 10_000, tookMs: 10_000, times: 1_000 },
  ]);
});

test('of many the first and the last hundred are told, and how many were made in between', () => {
  const calls = tellCalls(new Date(BEGINS));
  for (let row = 0; row < 5_000; row += 1) calls.hear(get(`/rows/${row}`, BEGINS + row));
  const { first, leftOut, last } = openCalls(box, sealCalls(box, calls.told()) ?? '');
  expect(first.map(({ text }) => text)).toEqual(Array.from({ length: 100 }, (_, row) => `GET /rows/${row}`));
  expect(leftOut).toBe(4_800);
  expect(last.map(({ text }) => text)).toEqual(Array.from({ length: 100 }, (_, row) => `GET /rows/${4_900 + row}`));
});

test('what is kept of them is sealed and stays small', () => {
  const calls = tellCalls(new Date(BEGINS));
  for (let row = 0; row < 5_000; row += 1) calls.hear(get(`/rows/${'x'.repeat(5_000)}${row}`, BEGINS + row * 317));
  for (let row = 0; row < 300; row += 1) calls.hear(get(`/rows/${row}`, BEGINS + row * 317));
  const sealed = sealCalls(box, calls.told()) ?? '';
  expect(sealed.length).toBeLessThan(20_000);
  expect(sealed).not.toContain('rows');
  expect(sealCalls(box, tellCalls(new Date(BEGINS)).told())).toBeNull();
});

function get(endpoint: string, now: number) {
  const args = JSON.stringify({ config: { endpoint, method: 'GET' } });
  return { kind: 'request', args, ok: true, json: '{"status":200}', now } as const;
}
