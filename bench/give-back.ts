/**
 * Imported by a process under measurement, and so by each of its threads: on SIGUSR2 they collect their garbage and give
 * freed pages back. V8 keeps those for what comes next, for how long depends on when it last happened to collect, so that
 * two sizes of one process can be compared only after this.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options: object) => unknown;
const giveBack = (): unknown => collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });

const channel = new BroadcastChannel('give back');
channel.onmessage = giveBack;
channel.unref();
if (isMainThread)
  process.on('SIGUSR2', () => {
    channel.postMessage(undefined);
    giveBack();
  });
