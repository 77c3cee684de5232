/** Isolates that compute, more than there are threads: those that end wait until they have let go of what watches them. */
import { expect, test } from '@jest/globals';
import { action, useSandbox } from './use-sandbox.ts';

const lost: unknown[] = [];
const { compile, run } = useSandbox({ maxChildren: 1, log: (_, fields) => lost.push(fields) });

/** Long enough inside to be watched, and together large enough. */
const BUSY = `const kept: unknown[] = [];
while (kept.length < 6) {
  kept.push(Array.from({ length: 20_000 }, (_, i) => ({ i, text: 'x' + i })));
  for (let i = 0, sum = 0; i < 10_000_000; i++) sum += Math.sqrt(i);
}
return kept.length;`;

test('runs of a crowded child all end well, however long each waits for a thread and however much others hold', async () => {
  const bundle = await compile(action(BUSY));
  const limits = { cpuMs: 60_000, wallClockMs: 240_000, memoryMb: 64 };
  const ended = await Promise.all(Array.from({ length: 60 }, () => run('', { bundle, limits })));
  expect(lost).toEqual([]);
  expect(ended.filter(({ outcome }) => outcome.status !== 'completed')).toEqual([]);
}, 240_000);
