import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { Log } from '../runtime/log.ts';

/**
 * Sets the SDK up, once per process and before the first connection: its warnings go to our log, and its own reaction
 * to signals is off, since the process closes its parts in an order of its own. At `metricsAddress` (`host:port`) it
 * serves what it counts, in the format of Prometheus.
 */
export function installSdk(log: Log, metricsAddress?: string): void {
  const logger = new DefaultLogger('WARN', ({ level, message, meta }) => {
    // What a worker for activities alone is told at each start; it is meant to be one.
    if (message.startsWith('No workflows registered')) return;
    log('temporal.sdk', {
      level: level.toLowerCase(),
      message,
      ...(meta?.['error'] !== undefined && { cause: meta['error'] }),
    });
  });
  Runtime.install({
    logger,
    shutdownSignals: [],
    telemetryOptions: {
      logging: { forward: {}, filter: 'WARN' },
      ...(metricsAddress !== undefined && { metrics: { prometheus: { ...PROMETHEUS, bindAddress: metricsAddress } } }),
    },
  });
}

const PROMETHEUS = { countersTotalSuffix: true, unitSuffix: true, useSecondsForDurations: true } as const;
