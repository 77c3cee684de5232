import { expect, test } from '@jest/globals';
import { sync, SYNC, useSandbox } from './use-sandbox.ts';

const { run, failureOf } = useSandbox();

test.each([
  ['null', /an object is expected/],
  ['[1]', /an object is expected/],
  ['"page 3"', /an object is expected/],
  ['{ at: { page: 3 } }', /'at' is a object: a text, a finite number or a boolean is expected/],
  ['{ at: [3] }', /'at' is a object/],
  ['{ at: null }', /'at' is null/],
  ['{ at: NaN }', /'at' is a number: a text, a finite number/],
  ['{ at: new Date(0) }', /'at' is a object/],
  ['{ at: () => 1 }', /'at' is a function/],
  ['{ at: 1n }', /'at' is a bigint/],
  ['{ text: "x".repeat(64 * 1024) }', /65547 bytes as JSON: at most 65536 are expected/],
  ['{ text: "é".repeat(33 * 1024) }', /67595 bytes as JSON: at most 65536 are expected/],
])('saveCheckpoint(%s) is refused with the reason, at its line', async (checkpoint, reason) => {
  const failure = await failureOf(sync(`await nango.saveCheckpoint(${checkpoint});`), SYNC);
  expect(failure).toMatchObject({
    code: 'checkpoint_invalid',
    message: expect.stringMatching(reason),
    details: { location: { line: 2 } },
  });
});

test('a flat checkpoint of almost 64 KB passes, without the keys that are undefined', async () => {
  const { calls } = await run(
    sync('await nango.saveCheckpoint({ t: "x".repeat(65_000), n: 1, b: false, u: undefined });'),
    SYNC,
  );
  expect(calls).toMatchObject([{ kind: 'saveCheckpoint', args: { checkpoint: { n: 1, b: false } } }]);
  expect(Object.keys(calls[0]?.args['checkpoint'] ?? {})).toEqual(['t', 'n', 'b']);
});
