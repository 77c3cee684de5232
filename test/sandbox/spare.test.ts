import { expect, test } from '@jest/globals';
import { useSandbox } from './use-sandbox.ts';

const frugal = useSandbox({ maxChildren: 1, sparesWhenFull: false });
const ready = useSandbox({ maxChildren: 1 });

test('a spare is kept beside as many children as may be, unless it is not wanted', async () => {
  expect(await frugal.outputOf('return 1;')).toBe(1);
  expect(await ready.outputOf('return 1;')).toBe(1);
  expect([frugal.sandbox.stats().children, ready.sandbox.stats().children]).toEqual([1, 2]);
});
