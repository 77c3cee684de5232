/** Saved records against their model, through the whole platform. */
import { expect, test } from '@jest/globals';
import { runSync, usePlatform } from '../support/platform.ts';
import { messages, recordScripts } from '../support/record-scripts.ts';

const platform = usePlatform();
const { deploy, read } = recordScripts(platform);

const TASK = {
  type: 'object',
  required: ['id', 'title'],
  properties: {
    id: { type: 'string' },
    title: { type: 'string', pattern: '^(a+)+$' },
    owner: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
    tags: { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'null' }] } },
    at: { type: 'string', format: 'date-time' },
  },
};
const BODY = `
  await nango.batchSave([{ id: '1', title: 'right', more: 1, tags: ['x', null], at: new Date(0) }], 'Task');
  await nango.batchSave([
    { id: '2', title: 'wrong tags', tags: [1, 2, 'x'] },
    { id: '3', tags: [3] },
    { id: '4', title: 'nobody', owner: {} },
  ], 'Task');
  await nango.batchSave([{ id: '5', title: 'again', owner: {} }], 'Task');`;

test('by default violations are counted by path and told once, and every record is stored', async () => {
  const sync = await deploy('warned', BODY, { taskSchema: TASK });
  const run = await runSync(platform, sync);
  expect(run).toMatchObject({ state: 'success', counts: { Task: { added: 5 } } });
  expect(run.violations).toEqual([
    expect.objectContaining({ path: 'owner.name', records: 2, example_id: '4' }),
    expect.objectContaining({ path: 'tags[]', records: 2, example_id: '2', message: expect.stringContaining('anyOf') }),
    expect.objectContaining({ path: 'title', records: 1, example_id: '3' }),
  ]);
  expect(messages(run)).toEqual([
    expect.stringMatching(
      /^warn record '2' does not fit model 'Task': at 'tags\[\]'.*; record '3'.*'title'.*; record '4'/,
    ),
  ]);
  expect(await read(sync)).toHaveLength(5);
}, 60_000);

test('as errors they refuse their batch, naming record and place, with the author’s line', async () => {
  const sync = await deploy('refused', BODY, { taskSchema: TASK, validation: 'error' });
  const run = await runSync(platform, sync);
  expect(run).toMatchObject({ state: 'failed', counts: { Task: { added: 1 } }, violations: [] });
  expect(run.error).toMatchObject({
    code: 'record_invalid',
    message: expect.stringMatching(/record '2' does not fit model 'Task': at 'tags\[\]'.*None of the batch was saved/),
    location: { line: 4 },
  });
}, 60_000);

test('switched off, or without a schema, nothing is checked', async () => {
  const off = await runSync(platform, await deploy('off', BODY, { taskSchema: TASK, validation: 'off' }));
  const none = await runSync(platform, await deploy('none', BODY, { validation: 'error' }));
  for (const run of [off, none]) expect(run).toMatchObject({ state: 'success', violations: [], logs: [] });
}, 60_000);
