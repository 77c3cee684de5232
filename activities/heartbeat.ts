import { Context } from '@temporalio/activity';

/** Well below a third of the heartbeat time-out in workflows/proxies.ts. */
const HEARTBEAT_EVERY_MS = 2_500;

/** Runs `work` with heartbeats beside it; the signal ends with the activity's cancellation or the worker's shutdown. */
export async function withHeartbeat<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const context = Context.current();
  context.heartbeat();
  const ticker = setInterval(() => context.heartbeat(), HEARTBEAT_EVERY_MS);
  try {
    return await work(context.cancellationSignal);
  } finally {
    clearInterval(ticker);
  }
}
