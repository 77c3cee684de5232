import { expect, test } from '@jest/globals';
import { runTrials, type Trial } from '../../bench/chaos/trial.ts';
import { useTheatre } from '../support/theatre.ts';

const stage = useTheatre({ workers: 2 });

test('16 random scripts end the same when their processes are killed and their connections cut', async () => {
  const seeds = Array.from({ length: 17 }, (_, at) => at + 1).filter((seed) => seed % 10 !== 0);
  expectWell(await runTrials(stage.theatre, seeds));
}, 600_000);

test('4 random scripts end the same when their workers are killed, or fail for a call in doubt', async () => {
  const trials = await runTrials(stage.theatre, [10, 20, 30, 40]);
  expectWell(trials);
  expect(trials.flatMap(({ blows }) => blows).some(({ kind }) => kind === 'worker')).toBe(true);
}, 600_000);

/** Names each seed that went wrong: `npm run -s bench -- chaos --first <seed> --seeds 1` runs it again. */
function expectWell(trials: readonly Trial[]): void {
  const wrong = trials.filter(({ verdict }) => verdict.faults.length > 0);
  expect(
    wrong.map(({ script, verdict, story }) => [`seed ${script.seed}`, ...verdict.faults, story].join('\n')),
  ).toEqual([]);
  expect(trials.every(({ blows }) => blows.length > 0)).toBe(true);
  expect(Math.max(...trials.map(({ verdict }) => verdict.repeatedGets))).toBeLessThanOrEqual(1);
  expect(trials.reduce((sum, { verdict }) => sum + verdict.repeatedPosts, 0)).toBe(0);
}
