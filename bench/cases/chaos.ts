import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openParts } from '../../platform/parts.ts';
import { freePort } from '../../platform/ports.ts';
import type { Closing } from '../../runtime/closing.ts';
import { readSettings } from '../../runtime/env.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { openTheatre } from '../chaos/theatre.ts';
import { runTrials, type Trial } from '../chaos/trial.ts';

/** Random scripts, each run undisturbed and under blows; a seed that goes wrong is told with its whole story. */
export async function benchChaos(closing: Closing, { seeds, first, say }: BenchOptions): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'nango-temporal-bench-'));
  closing.add('the data folder', () => rm(folder, { recursive: true, force: true }));
  const settings = readSettings({ NANGO_DATA_DIR: folder });
  const parts = await openParts(settings, closing, { durable: true, uiPort: await freePort() });
  const given = { databaseUrl: parts.databaseUrl, temporalAddress: parts.temporal.address, workers: 2 };
  const theatre = await openTheatre(closing, given);
  const all = Array.from({ length: seeds }, (_, at) => first + at);
  return figuresOf(await runTrials(theatre, all, (trial) => say(lineOf(trial))));
}

function lineOf({ script, blows, verdict, story }: Trial): string {
  const struck = blows.map(({ kind }) => kind).join(' ');
  const doubts = verdict.doubtsRepeated + verdict.doubtsFailed;
  const told = `seed ${script.seed}: ${script.requests} requests, ${blows.length} blows (${struck})${doubts > 0 ? `, ${doubts} in doubt` : ''}`;
  if (verdict.faults.length === 0) return told;
  return [`${told}: WRONG`, ...verdict.faults.map((fault) => `  ${fault}`), story].join('\n');
}

function figuresOf(trials: readonly Trial[]): Figures {
  const verdicts = trials.map(({ verdict }) => verdict);
  const sum = (count: (trial: Trial) => number): number => trials.reduce((all, trial) => all + count(trial), 0);
  return {
    seeds: trials.length,
    differing: verdicts.filter(({ faults }) => faults.length > 0).length,
    repeated_gets_max: Math.max(0, ...verdicts.map(({ repeatedGets }) => repeatedGets)),
    repeated_posts: sum(({ verdict }) => verdict.repeatedPosts),
    resume_s_max: Math.max(0, ...verdicts.flatMap(({ resumeS }) => resumeS)),
    blows: sum(({ blows }) => blows.length),
    doubts_repeated: sum(({ verdict }) => verdict.doubtsRepeated),
    doubts_failed: sum(({ verdict }) => verdict.doubtsFailed),
  };
}
