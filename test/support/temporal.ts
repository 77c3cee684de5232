import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import { freePort } from '../../platform/ports.ts';
import { type LocalTemporal, startTemporal } from '../../platform/temporal-server.ts';

/** A real Temporal dev server of the test file's own, started as the platform starts it. */
export function useTemporal(): { readonly server: LocalTemporal } {
  let server: LocalTemporal | undefined;
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nango-test-temporal-'));
    const [port, uiPort] = [await freePort(), await freePort()];
    server = await startTemporal({ folder: join(folder, 'temporal'), port, uiPort, namespace: 'default' });
  }, 60_000);
  afterAll(async () => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    get server() {
      if (server === undefined) throw new Error('Temporal is there from beforeAll on');
      return server;
    },
  };
}
