import { discardForgotten } from '../store/connections.ts';
import { overdueWebhookRuns } from '../store/inbound-webhooks.ts';
import { unstartedRuns } from '../store/event-runs.ts';
import type { Dependencies } from './dependencies.ts';

const AT_ONCE = 200;
/** What was allocated just now is being started by whoever allocated it. */
const GRACE_MS = 60_000;
/** Longer than any script may take to say whether a connection is to be accepted. */
const VALIDATED_WITHIN_MS = 30 * 60_000;

/** Does what a crash left undone: starts runs that nobody waits for and that nobody started, drops half-made connections. */
export function createStartEvents({ db, clock, startAction }: Dependencies) {
  return async (): Promise<void> => {
    const now = clock().getTime();
    await discardForgotten(db, new Date(now - VALIDATED_WITHIN_MS));
    const before = new Date(now - GRACE_MS);
    for (const run of await unstartedRuns(db, before, AT_ONCE)) await startAction(run);
    for (const run of await overdueWebhookRuns(db, before, AT_ONCE)) await startAction(run);
  };
}
