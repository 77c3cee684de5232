import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import { NativeConnection } from '@temporalio/worker';
import { freePort } from '../../platform/ports.ts';
import { type LocalTemporal, startTemporal } from '../../platform/temporal-server.ts';
import { makeServerFolder } from './server-folders.ts';

export type TestTemporal = {
  readonly server: LocalTemporal;
  /** Of workers; a server started a moment ago does not answer yet. */
  readonly connect: () => Promise<NativeConnection>;
  /** Where its data are. */
  readonly folder: () => string;
  /** Ends the server as a power cut would; its data stay. */
  readonly kill: () => Promise<void>;
  /** Starts it again with the same data on the same port. */
  readonly restart: () => Promise<void>;
};

/**
 * A real Temporal dev server of the test file's own, started as the platform starts it.
 * @param settings dynamic settings of the server besides, as `key=value`.
 */
export function useTemporal(settings: readonly string[] = []): TestTemporal {
  let server: LocalTemporal | undefined;
  let folder = '';
  let [port, uiPort] = [0, 0];
  const start = async () => {
    server = await startTemporal({ folder: join(folder, 'temporal'), port, uiPort, namespace: 'default', settings });
  };
  beforeAll(async () => {
    folder = await makeServerFolder();
    [port, uiPort] = [await freePort(), await freePort()];
    await start();
  }, 180_000);
  afterAll(async () => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const there = (): LocalTemporal => {
    if (server === undefined) throw new Error('Temporal is there from beforeAll on');
    return server;
  };
  const connect = (): Promise<NativeConnection> =>
    NativeConnection.connect({ address: there().address }).catch(connect);
  return {
    connect,
    folder: () => folder,
    get server() {
      return there();
    },
    kill: async () => {
      process.kill(Number(await readFile(join(folder, 'temporal.pid'), 'utf8')), 'SIGKILL');
      await server?.exited;
    },
    restart: start,
  };
}
