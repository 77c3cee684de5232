import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SEARCH_ATTRIBUTES } from '../contract/engine.ts';
import { startServer, stopLeftOver } from './child-process.ts';
import { findTemporalBinary } from './temporal-binary.ts';

export type LocalTemporal = {
  readonly address: string;
  readonly uiUrl: string;
  /** The end of what the server wrote, for the message of a failure. */
  readonly output: () => string;
  readonly exited: Promise<void>;
  readonly stop: () => Promise<void>;
};

/**
 * Starts the Temporal dev server with its data in `folder`. It has one history shard, whose default of 20 polls a
 * second would add up to 50 ms to every hop, and a file store that is slow without WAL: hence the settings.
 */
export async function startTemporal(options: {
  readonly folder: string;
  readonly port: number;
  readonly uiPort: number;
  readonly namespace: string;
  /** Further dynamic settings of the server, as `key=value`. */
  readonly settings?: readonly string[];
}): Promise<LocalTemporal> {
  const { folder, port, uiPort, namespace, settings = [] } = options;
  await mkdir(folder, { recursive: true });
  const pidFile = join(folder, '..', 'temporal.pid');
  await stopLeftOver(pidFile, 'temporal');
  const server = await startServer({
    command: await findTemporalBinary(),
    args: [
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--ui-port', String(uiPort)],
      ...['--namespace', namespace, '--db-filename', join(folder, 'temporal.db'), '--log-level', 'error'],
      ...['history.transferProcessorMaxPollRPS=2000', 'history.timerProcessorMaxPollRPS=2000'].flatMap(dynamic),
      // What environments share of the workers is counted only where it is asked for.
      ...['history.visibilityProcessorMaxPollRPS=2000', 'matching.enableFairness=true', ...settings].flatMap(dynamic),
      ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
      ...Object.values(SEARCH_ATTRIBUTES).flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
    ],
    pidFile,
    stopSignal: 'SIGINT',
  });
  return {
    address: `127.0.0.1:${port}`,
    uiUrl: `http://127.0.0.1:${uiPort}`,
    output: server.output,
    exited: server.exited,
    stop: server.stop,
  };
}

function dynamic(setting: string): string[] {
  return ['--dynamic-config-value', setting];
}
