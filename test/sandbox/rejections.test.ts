import { expect, test } from '@jest/globals';
import { EngineError } from '../../contract/failures.ts';
import { sync, SYNC, useSandbox } from './use-sandbox.ts';

const { run } = useSandbox();

const STRAY = 'Promise.reject(new Error("stray"));';
const OTHER_MODEL = 'nango.batchSave([{ id: 1 }], "Other");';

test.each([
  ['refused by the guest, behind another rejection', `${STRAY} ${OTHER_MODEL} await nango.log("x");`],
  ['refused by the guest, before another rejection', `${OTHER_MODEL} ${STRAY} await nango.log("x");`],
  [
    'refused by the host, behind another rejection',
    `nango.batchSave([{ id: 1 }], "Task").catch(() => { ${STRAY} }); nango.batchSave([{ id: 2 }], "Task");`,
  ],
  [
    'wrapped by the author, behind another rejection',
    `(async () => { ${STRAY} await ${OTHER_MODEL} })(); await nango.log("x");`,
  ],
  ['of batchDelete, behind another rejection', `${STRAY} nango.batchDelete([{}], "Task"); await nango.log("x");`],
  [
    'after a thousand that were caught',
    `for (let n = 0; n < 1000; n++) await nango.batchSave([{ id: {} }], 'Other' + n).catch(() => 0); ${OTHER_MODEL} await nango.log("x");`,
  ],
])('a lost save %s fails the run', async (_, body) => {
  const { outcome } = await run(sync(body), { ...SYNC, host: { saveRecords } });
  expect(outcome).toMatchObject({ status: 'failed', failure: { code: 'record_invalid' } });
});

test('a refused save that was caught, and a stray rejection at another moment, are no failure', async () => {
  const body = `try { await ${OTHER_MODEL} } catch { await nango.log('caught'); } ${STRAY} await nango.log('x');`;
  const { outcome, calls } = await run(sync(body), SYNC);
  expect(outcome.status).toBe('completed');
  expect(calls.map(({ args }) => args['level'])).toEqual(['info', 'info', 'warn']);
});

async function saveRecords(): Promise<never> {
  throw new EngineError('record_invalid', 'the host refuses it');
}
