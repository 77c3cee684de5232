import { DefaultLogger, Runtime } from '@temporalio/worker';

/**
 * Sets the SDK up, once per process and before the first connection: its warnings go to our log, and its own reaction
 * to signals is off, since the process closes its parts in an order of its own.
 */
export function installSdk(log: (event: string, fields: Readonly<Record<string, unknown>>) => void): void {
  const logger = new DefaultLogger('WARN', ({ level, message, meta }) => {
    // What a worker for activities alone is told at each start; it is meant to be one.
    if (message.startsWith('No workflows registered')) return;
    log('temporal.sdk', {
      level: level.toLowerCase(),
      message,
      ...(meta?.['error'] !== undefined && { cause: meta['error'] }),
    });
  });
  Runtime.install({ logger, shutdownSignals: [], telemetryOptions: { logging: { forward: {}, filter: 'WARN' } } });
}
