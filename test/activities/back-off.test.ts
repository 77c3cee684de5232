import { expect, test } from '@jest/globals';
import { backOffMs } from '../../activities/back-off.ts';

const HOUR = 3_600_000;

test.each([
  ['before that many failures nothing changes', HOUR, 4, 5, undefined],
  ['with them the interval doubles', HOUR, 5, 5, 2 * HOUR],
  ['and again with each further one', HOUR, 7, 5, 8 * HOUR],
  ['up to a day', HOUR, 9, 5, 24 * HOUR],
  ['however many they are', 30_000, 5_000, 5, 24 * HOUR],
  ['what runs daily or less often goes on so', 24 * HOUR, 9, 5, undefined],
  ['none with 0', HOUR, 100, 0, undefined],
])('%s', (_, intervalMs, failures, after, expected) => {
  expect(backOffMs(intervalMs, failures, after)).toBe(expected);
});
