import { expect, test } from '@jest/globals';
import { openFlushWindow } from '../../activities/flush-window.ts';

test('the window grows with the runs at work, from half a second to three seconds, and shrinks as they leave', () => {
  const window = openFlushWindow();
  expect(window.ms()).toBe(500);
  const leave = Array.from({ length: 100 }, () => window.enter());
  expect(window.ms()).toBe(2_000);
  const more = Array.from({ length: 900 }, () => window.enter());
  expect(window.ms()).toBe(3_000);
  for (const one of [...leave, ...more]) one();
  // Leaving twice is leaving once.
  leave[0]?.();
  expect(window.ms()).toBe(500);
  Array.from({ length: 30 }, () => window.enter());
  expect(window.ms()).toBe(600);
});
