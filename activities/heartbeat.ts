import { Context } from '@temporalio/activity';

/** Well below a third of the heartbeat time-out in workflows/proxies.ts. */
const HEARTBEAT_EVERY_MS = 2_500;

/**
 * Runs `work` with heartbeats beside it; the signal ends with the activity's cancellation or the worker's shutdown. What
 * it tells is shown with the next heartbeat in the Temporal Web UI.
 */
export async function withHeartbeat<T>(
  work: (signal: AbortSignal, tell: (progress: Readonly<Record<string, number>>) => void) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  let told: Readonly<Record<string, number>> | undefined;
  context.heartbeat();
  const ticker = setInterval(() => context.heartbeat(told), HEARTBEAT_EVERY_MS);
  try {
    return await work(context.cancellationSignal, (progress) => {
      told = progress;
    });
  } finally {
    clearInterval(ticker);
  }
}
