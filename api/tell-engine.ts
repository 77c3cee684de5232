import { countDueSyncs } from '../store/syncs.ts';
import type { ApiDeps } from './deps.ts';

/** How often it is looked whether Temporal has heard, while it has more to hear of than was just stored. */
const LOOK_EVERY_MS = 250;

/**
 * Lets Temporal hear of what was just stored, for a bounded time. False when it has not: the rows are there and the
 * periodic reconcile will find them, so no request fails for it; the log says so.
 * @param changed whose syncs were changed: then nobody waits for what Temporal has to hear of others
 */
export async function tellEngine(
  { db, engine, limits, log }: Pick<ApiDeps, 'db' | 'engine' | 'limits' | 'log'>,
  changed?: { readonly connectionRow: string } | { readonly scriptIds: readonly string[] },
): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<string | undefined>();
  const timer = setTimeout(() => resolve(`no answer within ${limits.reconcileWaitMs} ms`), limits.reconcileWaitMs);
  const look = (of: NonNullable<typeof changed>): Promise<unknown> =>
    countDueSyncs(db, of).then(
      (left) => left === 0 && resolve(undefined),
      // Whoever waits hears of it from the engine, or when the time is over.
      () => undefined,
    );
  const looking = changed && setInterval(look, LOOK_EVERY_MS, changed);
  const told = engine.reconcile().then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  const fault = await Promise.race([told, late]);
  clearTimeout(timer);
  clearInterval(looking);
  if (fault !== undefined) log('reconcile.postponed', { reason: fault });
  return fault === undefined;
}

/** Asks the workflows of runs that lost their connection to stop; one that cannot be asked finds out by itself. */
export async function cancelWorkflows(
  { engine, log }: Pick<ApiDeps, 'engine' | 'log'>,
  ids: readonly string[],
): Promise<void> {
  const asked = await Promise.allSettled(ids.map((id) => engine.cancel(id)));
  const failed = asked.filter((result) => result.status === 'rejected').length;
  if (failed > 0) log('cancel.postponed', { workflows: failed });
}

/** Tells the workflows of waiting runs to go on; reconcile tells those that cannot be told now. */
export async function resumeWorkflows(
  { engine, log }: Pick<ApiDeps, 'engine' | 'log'>,
  ids: readonly string[],
): Promise<void> {
  const told = await Promise.allSettled(ids.map((id) => engine.resume(id)));
  const failed = told.filter((result) => result.status === 'rejected').length;
  if (failed > 0) log('resume.postponed', { workflows: failed });
}
