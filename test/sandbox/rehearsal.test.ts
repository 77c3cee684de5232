import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { beforeAll, expect, test } from '@jest/globals';
import ivm from 'isolated-vm';
import { buildGuestRuntime, type GuestRuntime } from '../../sandbox/guest-runtime.ts';
import type { CompiledTexts } from '../../sandbox/runner/rehearsal.ts';

let texts: GuestRuntime;

beforeAll(async () => {
  texts = await buildGuestRuntime();
});

test.each(['core', 'zod'] as const)(
  'isolates take what a rehearsal compiled of %s, functions included',
  async (name) => {
    const rehearsed = (await rehearse(texts))[name];
    const isolate = new ivm.Isolate();
    const taken = await isolate.compileScript(texts[name], { cachedData: new ivm.ExternalCopy(rehearsed) });
    expect(taken).toMatchObject({ cachedDataRejected: false });
    const unrehearsed = await isolate.compileScript(texts[name], { produceCachedData: true });
    const { cachedData } = unrehearsed as unknown as { cachedData: ivm.ExternalCopy<ArrayBuffer> };
    expect(rehearsed.byteLength).toBeGreaterThan(1.2 * cachedData.copy().byteLength);
    isolate.dispose();
  },
);

test('a rehearsal says when the texts do not do what a script needs', async () => {
  const broken = { ...texts, zod: '(function () { return { v4: {} }; })' };
  await expect(rehearse(broken)).rejects.toThrow(/the rehearsal ended otherwise than it should.*TypeError/);
});

const IN_THREAD = `
const { parentPort, workerData: { module, texts } } = require('node:worker_threads');
import(module).then(({ rehearse }) => rehearse(texts)).then((compiled) => parentPort.postMessage(compiled));`;

/**
 * In a thread of its own, as a runner has a process of its own: a Temporal worker of an earlier test in this process
 * leaves hooks on every promise of this thread.
 */
async function rehearse(of: GuestRuntime): Promise<CompiledTexts> {
  const module = new URL('../../sandbox/runner/rehearsal.ts', import.meta.url).href;
  const thread = new Worker(IN_THREAD, { eval: true, workerData: { module, texts: of } });
  try {
    const [compiled] = await once(thread, 'message');
    return compiled;
  } finally {
    await thread.terminate();
  }
}
