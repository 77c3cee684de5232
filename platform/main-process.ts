import { EngineError } from '../contract/failures.ts';
import { type Closing, createClosing } from '../runtime/closing.ts';

/**
 * Runs a process to its end: `start` opens things and answers what to wait for. Ctrl-C and SIGTERM close everything in
 * reverse order, a second one ends at once. A start that fails undoes itself, says why in one line, and ends with 1.
 */
export async function runProcess(
  start: (closing: Closing) => Promise<{ readonly until: Promise<unknown> }>,
): Promise<void> {
  const closing = createClosing();
  const signal = firstSignal();
  let code = 0;
  try {
    const started = start(closing);
    // A signal during the start ends it too; what it opens afterwards is closed when it comes.
    const running = await Promise.race([started, signal.then(() => undefined)]);
    if (running) await Promise.race([running.until, signal]);
    else await started.catch(() => undefined);
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    code = 1;
  }
  await closing.run().catch((error) => {
    process.stderr.write(`${describe(error)}\n`);
    code = 1;
  });
  process.exit(code);
}

function firstSignal(): Promise<void> {
  return new Promise((resolve) => {
    let seen = 0;
    const onSignal = (): void => {
      seen += 1;
      if (seen > 1) process.exit(130);
      process.stderr.write('\nStopping; press Ctrl-C again to end at once.\n');
      resolve();
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
  });
}

function describe(error: unknown): string {
  if (error instanceof EngineError) return error.message;
  if (error instanceof Error) return error.stack ?? error.message;
  return String(error);
}
