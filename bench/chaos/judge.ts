/**
 * What must be equal between the undisturbed run and the one under blows, and what may have been asked twice. A POST may
 * be in doubt only where a worker died between its going out and its answer being kept: such cases are counted apart.
 */
import { type ChaosScript, SIDE_BY_SIDE } from './script.ts';
import type { Blow, BlowKind, Trace } from './trace.ts';
import type { Asked } from './upstream.ts';

export type Verdict = {
  /** What must not be: one line each. */
  readonly faults: readonly string[];
  /**
   * The most GETs that one blow made the run ask again, those lost together counted as one page: 0 or 1 where no more
   * was asked again than the blow can have lost.
   */
  readonly repeatedGets: number;
  /** POSTs made more often than the script asked for, without a worker's death that left them in doubt. */
  readonly repeatedPosts: number;
  /** POSTs in doubt that were rightly made again, and runs that rightly failed for one. */
  readonly doubtsRepeated: number;
  readonly doubtsFailed: number;
  /** From each blow to the run's next sign of life. */
  readonly resumed: readonly { readonly from: BlowKind; readonly s: number }[];
};

/** A worker keeps what only reads up to half a second before it flushes; the rest is what a busy machine adds. */
const UNFLUSHED_MS = 5_000;

/**
 * How the engine's own line about a wait begins. It holds a time, and a run struck in a wait may have too little of it
 * left to suspend.
 */
const OWN_WAIT = 'The run waits until ';

export function judge(script: ChaosScript, calm: Trace, chaos: Trace, blows: readonly Blow[]): Verdict {
  const posts = judgePosts(script, calm, chaos, blows);
  const gets = judgeGets(chaos, blows);
  const faults = [
    ...posts.faults,
    ...gets.faults,
    ...(posts.doubtsFailed > 0 ? leftBehind(calm, chaos) : differences(calm, chaos)),
    ...drawsOf(calm).map((fault) => `undisturbed: ${fault}`),
    ...(posts.doubtsFailed > 0 ? [] : drawsOf(chaos)),
  ];
  return {
    ...posts,
    faults,
    repeatedGets: gets.most,
    resumed: resumeTimes(chaos, blows),
  };
}

function differences(calm: Trace, chaos: Trace): readonly string[] {
  const [expected, found] = [comparable(calm), comparable(chaos)];
  return Object.keys(expected).flatMap((part) => {
    const [want, got] = [expected[part], found[part]].map((value) => JSON.stringify(value));
    return want === got ? [] : [`${part} differ:\n    undisturbed ${want}\n    under blows ${got}`];
  });
}

function comparable({
  run,
  tasks,
  draws,
  checkpoint,
  metadata,
  journalRows,
}: Trace): Readonly<Record<string, unknown>> {
  const lines = run.logs
    .filter(({ message }) => !message.startsWith(OWN_WAIT))
    .map(({ level, message }) => `${level} ${message}`);
  return {
    outcomes: [run.state, run.error?.code, run.error?.message],
    counts: run.counts,
    records: tasks,
    draws: draws.map(({ id }) => id),
    lines: lines.toSorted(),
    'lines in order': lines.filter((line) => !line.includes(SIDE_BY_SIDE)),
    checkpoints: checkpoint,
    metadata,
    'journals of runs that succeeded': run.state === 'success' ? journalRows : 'kept',
  };
}

/** A run that failed for a call in doubt has nothing that the undisturbed one has not. */
function leftBehind(calm: Trace, chaos: Trace): readonly string[] {
  const known = new Set(calm.tasks.map(({ id }) => id));
  return chaos.tasks.filter(({ id }) => !known.has(id)).map(({ id }) => `record '${id}' is one too many`);
}

/** What was drawn is saved at once and once more at the end: both must say the same. */
function drawsOf({ draws }: Trace): readonly string[] {
  const all = draws.find(({ id }) => id === 'all')?.['values'];
  if (!Array.isArray(all)) return ['the run left no summary of its draws'];
  return all.flatMap((value, at) => {
    const saved = draws.find(({ id }) => id === `draw-${at + 1}`)?.['value'];
    return saved === value ? [] : [`draw ${at + 1} was ${saved} and later ${value}`];
  });
}

type Posts = Pick<Verdict, 'faults' | 'repeatedPosts' | 'doubtsRepeated' | 'doubtsFailed'>;

function judgePosts(script: ChaosScript, calm: Trace, chaos: Trace, blows: readonly Blow[]): Posts {
  const doubted = doubtedPost(script, chaos, blows);
  const faults: string[] = [];
  let [repeatedPosts, doubtsRepeated] = [0, 0];
  for (const { path, retries } of script.posts) {
    const made = askedFor(chaos, path);
    const extra = made.length - askedFor(calm, path).length;
    const keys = new Set(made.map(({ idempotencyKey }) => idempotencyKey));
    if (keys.size > 1 || (script.isKeyed && keys.has(undefined))) faults.push(`POST ${path} went out with other keys`);
    if (extra <= 0) continue;
    const mayRepeat = (script.isKeyed || retries > 0) && made.slice(0, -1).some((one) => isInDoubt(one, blows));
    if (mayRepeat) doubtsRepeated += 1;
    else repeatedPosts += extra;
    if (!mayRepeat) faults.push(`POST ${path} was made ${extra} times more than asked for`);
  }
  return { faults, repeatedPosts, doubtsRepeated, doubtsFailed: doubted ? 1 : 0 };
}

/** The POST for which the run failed, if it rightly did: it asked for no retries, and a worker died under it. */
function doubtedPost(script: ChaosScript, chaos: Trace, blows: readonly Blow[]): string | undefined {
  if (chaos.run.error?.code !== 'call_in_doubt' || script.isKeyed) return undefined;
  return script.posts.find(({ path, retries }) => {
    const last = askedFor(chaos, path).at(-1);
    const isNamed = chaos.run.error?.message.startsWith(`POST ${path} `);
    return isNamed && retries === 0 && (last === undefined ? isUnsent(chaos, blows) : isInDoubt(last, blows));
  })?.path;
}

/** Nobody but the dead worker can know that a POST it had announced never went out. */
function isUnsent({ asked }: Trace, blows: readonly Blow[]): boolean {
  const last = asked.at(-1);
  return blows.some(({ kind, at }) => kind === 'worker' && at >= (last?.at ?? 0));
}

/** Whether a worker died before it had the answer in its journal. */
function isInDoubt({ at, answeredAt }: Asked, blows: readonly Blow[]): boolean {
  return blows.some(
    (blow) => blow.kind === 'worker' && at <= blow.at && blow.at - UNFLUSHED_MS < (answeredAt ?? blow.at),
  );
}

function askedFor({ asked }: Trace, path: string): readonly Asked[] {
  return asked.filter((one) => one.method === 'POST' && one.path === path);
}

/**
 * Each GET asked again has the last blow before it as its cause. A killed worker loses the answers it had not flushed; any
 * other blow loses those under way, the last of which may have gone out just after it: they are known by their number
 * alone. Refusals do not count: they are waited out.
 */
function judgeGets(
  { asked }: Trace,
  blows: readonly Blow[],
): { readonly faults: readonly string[]; readonly most: number } {
  const gets = asked.filter(({ method, status }) => method === 'GET' && status !== 429);
  const repeats = gets.flatMap((again, at) => {
    const before = gets.slice(0, at).findLast(({ path }) => path === again.path);
    return before === undefined ? [] : [{ before, again }];
  });
  const cause = repeats.map(({ again }) => blows.findLast(({ at }) => at <= again.at));
  const isLost = repeats.map(({ before, again }) =>
    isInDoubt(
      before,
      blows.filter(({ at }) => at <= again.at),
    ),
  );
  const uncaused = repeats.filter((_, at) => cause[at] === undefined);
  const perBlow = blows.map((blow) => {
    const own = repeats.filter((_, at) => !isLost[at] && cause[at] === blow);
    const underWay = Math.max(1, ...own.map(({ before }) => before.width));
    return { paths: own.map(({ again }) => again.path), tooMany: Math.max(0, own.length - underWay) };
  });
  return {
    faults: [
      ...uncaused.map(({ again }) => `GET ${again.path} was asked again without a blow`),
      ...perBlow
        .filter(({ tooMany }) => tooMany > 0)
        .map(({ paths }) => `one blow made GETs be asked again: ${paths.join(' ')}`),
    ],
    most: Math.max(
      isLost.includes(true) ? 1 : 0,
      ...perBlow.map(({ paths, tooMany }) => Math.min(1, paths.length) + tooMany),
    ),
  };
}

function resumeTimes({ asked, endedAt }: Trace, blows: readonly Blow[]): Verdict['resumed'] {
  // Where a blow meant for another fell in a wait, the next sign of life says nothing.
  const own = blows.filter(({ during }) => asked.includes(during));
  return own.map((blow) => {
    const next = asked.find(({ at }) => at > blow.at)?.at ?? endedAt;
    return { from: blow.kind, s: (next - blow.at) / 1000 };
  });
}
