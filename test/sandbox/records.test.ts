import { expect, test } from '@jest/globals';
import { EngineError } from '../../contract/failures.ts';
import { action, SYNC, sync, useSandbox } from './use-sandbox.ts';

const { run, failureOf } = useSandbox();

test('rows travel as the text the script wrote, without their engine metadata, with their ids as text', async () => {
  const rows =
    '[{ id: 7, big: 12345678901234567890, _nango_metadata: { x: 1 } }, { id: "b", at: new Date(0), none: undefined }]';
  const { calls } = await run(sync(`await nango.batchSave(${rows}, "Task");`), SYNC);
  expect(calls).toEqual([
    {
      kind: 'saveRecords',
      args: { model: 'Task', ids: ['7', 'b'] },
      body: '[{"id":7,"big":12345678901234567000},\n{"id":"b","at":"1970-01-01T00:00:00.000Z"}]',
    },
  ]);
});

test('batchSave, batchSend and batchDelete answer true; an empty batch asks nobody', async () => {
  const body = `const all = [await nango.batchSave([], 'Task'), await nango.batchSend([{ id: 1 }], 'Task'), await nango.batchDelete([{ id: 2, x: 1n }], 'Task')];
    await nango.log(JSON.stringify(all));`;
  const { calls } = await run(sync(body), SYNC);
  expect(calls.map(({ kind }) => kind)).toEqual(['saveRecords', 'deleteRecords', 'log']);
  expect(calls[1]?.args).toEqual({ model: 'Task', ids: ['2'] });
  expect(calls[2]?.args).toMatchObject({ message: '[true,true,true]' });
});

test.each([
  ['[{ id: 1 }], "Person"', /model 'Person' in sync 'tasks': a declared model is expected \('Task'\)/],
  ['[{ id: 1 }]', /model 'undefined'/],
  ['null, "Task"', /an array of records is expected, not null/],
  ['{ id: 1 }, "Task"', /an array of records is expected, not a object/],
  ['[{ id: 1 }, null], "Task"', /record 2 of 2 of model 'Task' is null/],
  ['["text"], "Task"', /record 1 of 1 of model 'Task' is a string/],
  ['[[1]], "Task"', /is an array/],
  ['[{ name: "x" }], "Task"', /has the id undefined/],
  ['[{ id: "" }], "Task"', /has the id : a text that is not empty/],
  ['[{ id: NaN }], "Task"', /has the id NaN/],
  ['[{ id: { a: 1 } }], "Task"', /has the id a object/],
  [
    '[{ id: "t1", owner: { age: 1n } }], "Task"',
    /record 1 of 1 of model 'Task' \(id 't1'\) cannot be written as JSON at 'owner.age': .*BigInt/,
  ],
  [
    '[(() => { const r: any = { id: "t2", in: {} }; r.in.r = r; return r; })()], "Task"',
    /\(id 't2'\) cannot be written as JSON at 'in.r': .*circular/,
  ],
  [
    '[{ id: "t3", toJSON() { return undefined; } }], "Task"',
    /\(id 't3'\) is no JSON object once its toJSON was called/,
  ],
  ['[{ id: "t4", get x() { throw new Error("getter"); } }], "Task"', /\(id 't4'\) cannot be written as JSON: getter/],
])('batchSave(%s) fails the run naming the record and the reason', async (args, reason) => {
  const failure = await failureOf(sync(`await nango.batchSave(${args});`), SYNC);
  expect(failure).toMatchObject({ code: 'record_invalid', message: expect.stringMatching(reason) });
  expect(failure.details.location?.line).toBe(2);
});

test('no row of a batch is sent when one of it is wrong, and earlier batches stay sent', async () => {
  const body = 'await nango.batchSave([{ id: 1 }], "Task"); await nango.batchSave([{ id: 2 }, {}], "Task");';
  const { outcome, calls } = await run(sync(body), SYNC);
  expect(outcome.status).toBe('failed');
  expect(calls.map(({ args }) => args['ids'])).toEqual([['1']]);
});

test('an action cannot save records', async () => {
  const failure = await failureOf(action('await nango.batchSave([{ id: 1 }], "Task");'));
  expect(failure.message).toMatch(/only syncs save records/);
});

test('a batch larger than a frame goes in several calls, in order', async () => {
  const body = 'await nango.batchSave(Array.from({ length: 50 }, (_, id) => ({ id, text: "x".repeat(80) })), "Task");';
  const { outcome, calls } = await run(sync(body), { ...SYNC, limits: { maxFrameBytes: 4000 } });
  expect(outcome.status).toBe('completed');
  expect(calls.length).toBeGreaterThan(3);
  expect(calls.flatMap(({ args }) => args['ids'])).toEqual(Array.from({ length: 50 }, (_, id) => String(id)));
});

test('a script may catch a refused save and go on', async () => {
  const saveRecords = async (): Promise<never> => {
    throw new EngineError('record_invalid', 'no');
  };
  const body =
    'try { await nango.batchSave([{ id: 1 }], "Task"); } catch (error: any) { await nango.log(error.code); }';
  const { outcome, calls } = await run(sync(body), { ...SYNC, host: { saveRecords } });
  expect(outcome.status).toBe('completed');
  expect(calls[1]?.args).toMatchObject({ message: 'record_invalid' });
});

test('_nango_metadata of the author is left untouched', async () => {
  const body =
    'const row = { id: 1, _nango_metadata: 5 }; await nango.batchSave([row], "Task"); await nango.log(row._nango_metadata);';
  const { calls } = await run(sync(body), SYNC);
  expect(calls[1]?.args).toMatchObject({ message: '5' });
});
