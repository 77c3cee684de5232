/** What strikes a run, and when: moments are counted in requests the upstream has seen, never in time. */
import { createRandom } from './random.ts';
import type { ChaosScript } from './script.ts';
import { killRunners, type Theatre } from './theatre.ts';
import type { BlowKind } from './trace.ts';

export type PlannedBlow = {
  readonly kind: BlowKind;
  /** It falls when the upstream has seen so many different requests of the run. */
  readonly afterRequests: number;
};

const KINDS: Readonly<Record<'soft' | 'hard', readonly [BlowKind, ...BlowKind[]]>> = {
  soft: ['script', 'script', 'backend'],
  hard: ['worker', 'worker', 'script'],
};
const MOST_BLOWS = { soft: 10, hard: 2 };

/** From 1 to 10 blows, fewer for a hard script; between two of them the run has had an answer. */
export function planBlows(script: ChaosScript): readonly PlannedBlow[] {
  const [kinds, most] = script.isHard ? [KINDS.hard, MOST_BLOWS.hard] : [KINDS.soft, MOST_BLOWS.soft];
  const random = createRandom(script.seed ^ 0xb10);
  const moments = random.distinct(random.between(1, most), 1, Math.floor(script.requests / 2));
  const offset = random.int(2);
  const planned = moments.map((moment) => ({ kind: random.pick(kinds), afterRequests: 2 * moment - offset }));
  // A worker that dies under a POST is the hardest case, and would seldom come by chance.
  const post = random.pick([undefined, ...script.posts]);
  if (post === undefined || !script.isHard) return planned;
  const others = planned.filter(({ afterRequests }) => Math.abs(afterRequests - post.ordinal) > 1).slice(0, most - 1);
  return [...others, { kind: 'worker' as const, afterRequests: post.ordinal }].sort(
    (a, b) => a.afterRequests - b.afterRequests,
  );
}

/** Lets the blows fall on the run of a connection; each is noted in `theatre.blows`. */
export function strike(
  theatre: Theatre,
  run: { readonly connection: string; readonly id: () => string },
  planned: readonly PlannedBlow[],
): void {
  const seen = new Set<string>();
  const left = [...planned];
  theatre.upstream.watch(run.connection, async (during) => {
    seen.add(`${during.method} ${during.path}`);
    const next = left[0];
    if (next === undefined || seen.size < next.afterRequests) return;
    left.shift();
    const worker = theatre.attemptOf(run.id())?.worker;
    if (worker === undefined) return;
    theatre.blows.push({ kind: next.kind, at: performance.now(), during });
    if (next.kind === 'script') killRunners(worker);
    if (next.kind === 'backend') await cutBackends(theatre, during.path.length % 2 === 0);
    if (next.kind === 'worker') {
      worker.signal('SIGKILL');
      await worker.exited;
      // Another is there already; this one takes the place of the dead one.
      void theatre.startWorker().catch(() => undefined);
    }
  });
}

/** Cuts all connections of API and workers to Postgres, or the one that began its statement last. */
async function cutBackends({ engine }: Theatre, all: boolean): Promise<void> {
  const text = `select pg_terminate_backend(pid, 2000) from (
    select pid from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and application_name = 'nango-temporal'
    order by query_start desc nulls last ${all ? '' : 'limit 1'}
  ) as struck`;
  await engine.db.query(text).catch(() => undefined);
}
