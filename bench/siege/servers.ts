import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive } from '../../platform/child-process.ts';
import type { Closing } from '../../runtime/closing.ts';

/** A server that is killed at once and started again with its data. */
export type Struck = { readonly kill: () => Promise<void>; readonly start: () => Promise<void> };

const START_TRIES = 40;

/** Starts a server whose pid is in `pidFile`; `closing` stops what runs then. */
export async function keepServer(
  closing: Closing,
  pidFile: string,
  start: () => Promise<{ readonly stop: () => Promise<void> }>,
): Promise<Struck> {
  let server = await start();
  closing.add(pidFile, () => server.stop());
  return {
    kill: async () => {
      const pid = Number(await readFile(pidFile, 'utf8'));
      // One that a full disk has ended is gone already.
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    },
    start: async () => {
      // Processes of a killed Postgres hold its data for a moment.
      for (let left = START_TRIES; ; left -= 1) {
        try {
          server = await start();
          return;
        } catch (error) {
          if (left === 0) throw error;
          await delay(250);
        }
      }
    },
  };
}

/** Whether an API answers that it reaches Postgres and Temporal. */
export function isReady(apiUrl: string): Promise<boolean> {
  return fetch(`${apiUrl}/ready?parts=store,engine`).then(
    async (answer) => {
      await answer.arrayBuffer();
      return answer.ok;
    },
    () => false,
  );
}
