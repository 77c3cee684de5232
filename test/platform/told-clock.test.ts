import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { createToldClock, tellTime } from '../../platform/told-clock.ts';

test('a time that is heard late is right when it is heard', () => {
  let monotonic = 5_000;
  const clock = createToldClock(() => monotonic);
  const told = { at: '2026-03-01T10:00:00.000Z', saidAtMs: 5_000 };
  monotonic += 4_200;
  clock.hear(told);
  expect(clock.now().toISOString()).toBe('2026-03-01T10:00:04.200Z');
  monotonic += 800;
  expect(clock.now().toISOString()).toBe('2026-03-01T10:00:05.000Z');
});

test('another process means the same moments by it', () => {
  const before = tellTime(() => new Date(0)).saidAtMs;
  const between = Number(
    execFileSync(process.execPath, ['-p', 'Number(process.hrtime.bigint()) / 1e6'], { encoding: 'utf8' }),
  );
  expect(before).toBeLessThan(between);
  expect(between).toBeLessThan(tellTime(() => new Date(0)).saidAtMs);
});
