import type { Closing } from '../../runtime/closing.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { openOwnTheatre } from '../chaos/own-theatre.ts';
import type { Verdict } from '../chaos/judge.ts';
import { BLOW_KINDS, type BlowKind } from '../chaos/trace.ts';
import { runTrials, type Trial } from '../chaos/trial.ts';

/** Random scripts, each run undisturbed and under blows; a seed that goes wrong is told with its whole story. */
export async function benchChaos(closing: Closing, { seeds, first, say }: BenchOptions): Promise<Figures> {
  const theatre = await openOwnTheatre(closing, { workers: 2 });
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
    ...Object.fromEntries(BLOW_KINDS.map((kind) => [`resume_${kind}_s_max`, longestResume(verdicts, kind)])),
    blows: sum(({ blows }) => blows.length),
    doubts_repeated: sum(({ verdict }) => verdict.doubtsRepeated),
    doubts_failed: sum(({ verdict }) => verdict.doubtsFailed),
  };
}

function longestResume(verdicts: readonly Verdict[], kind: BlowKind): number {
  const times = verdicts.flatMap(({ resumed }) => resumed.filter(({ from }) => from === kind).map(({ s }) => s));
  return Math.max(0, ...times);
}
