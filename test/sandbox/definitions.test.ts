import { expect, test } from '@jest/globals';
import { describeScripts } from '../../sandbox/definitions.ts';
import { useSandbox } from './use-sandbox.ts';

const { sandbox, compile, outputOf, run } = useSandbox();

const SYNC = `import { createSync } from 'nango';
import * as z from 'zod';
const Task = z.object({ id: z.string(), due: z.date().optional(), tags: z.array(z.string()).nullable() });
export default createSync({
  description: 'Tasks', frequency: 'every hour', version: '1.0.0', autoStart: true,
  models: { Task }, metadata: z.object({ team: z.string() }), checkpoint: z.object({ page: z.number() }),
  exec: async (nango) => { await nango.batchSave([{ id: '1' }], 'Task'); },
  onWebhook: async () => {},
});
`;
const ACTION = `import { createAction } from 'nango';
import { z } from 'zod';
export default createAction({
  description: 'Echo', input: z.object({ text: z.string() }), output: z.string(),
  exec: async (nango, input) => input.text + ' of ' + nango.connectionId,
});
`;

test('definitions are described with their schemas as JSON Schema', async () => {
  const bundles = [await compile(SYNC), await compile(ACTION)];
  const [sync, action] = await describeScripts(sandbox, bundles);
  expect(sync?.described).toEqual({
    exports: [],
    isDefinition: true,
    properties: {
      type: 'sync',
      description: 'Tasks',
      frequency: 'every hour',
      version: '1.0.0',
      autoStart: true,
      hasOnWebhook: true,
    },
    schemas: {
      'model:Task': {
        type: 'object',
        properties: {
          id: { type: 'string' },
          due: { type: 'string', format: 'date-time' },
          tags: { anyOf: [{ type: 'array', items: { type: 'string' } }, { type: 'null' }] },
        },
        required: ['id', 'tags'],
      },
      metadata: { type: 'object', properties: { team: { type: 'string' } }, required: ['team'] },
      checkpoint: { type: 'object', properties: { page: { type: 'number' } }, required: ['page'] },
    },
  });
  expect(action?.described).toMatchObject({ properties: { type: 'action' }, schemas: { output: { type: 'string' } } });
});

test('a script that fails while it loads fails alone, with its own line', async () => {
  const broken = `import { createSync } from 'nango';\nconst none: any = undefined;\n\nexport default createSync(none.models);\n`;
  const [good, bad, other] = await describeScripts(sandbox, [
    await compile(ACTION),
    await compile(broken),
    await compile('export const answer = 42; export default () => 1;'),
  ]);
  expect(good?.described).toMatchObject({ isDefinition: true });
  expect(bad?.described).toMatchObject({ failed: { message: expect.stringContaining("reading 'models'") } });
  expect(bad?.location).toMatchObject({ file: 'script.ts', line: 4 });
  expect(other?.described).toEqual({ exports: ['answer'], isDefinition: false });
});

test('a script that never stops loading is named, and the others are still described', async () => {
  const endless = await compile('for (;;) {}\nexport default 1;');
  const [good, bad] = await describeScripts(sandbox, [await compile(ACTION), endless]);
  expect(good?.described).toMatchObject({ isDefinition: true });
  expect(bad?.described).toMatchObject({ failed: { message: expect.stringContaining('was stopped') } });
}, 60_000);

test('a definition runs by its exec, as a sync and as an action', async () => {
  const { outcome, calls } = await run(SYNC, { kind: 'sync', context: { models: ['Task'] } });
  expect(outcome.status).toBe('completed');
  expect(calls.map((call) => call.kind)).toEqual(['saveRecords']);
  const acted = await run(ACTION, { input: '{"text":"hello"}' });
  expect(acted.outcome).toMatchObject({ output: '"hello of acme"' });
});

test('a definition hears webhooks by its onWebhook, with the payload as it came', async () => {
  const hears = "onWebhook: async (nango, payload) => { await nango.batchSave([{ id: payload.id }], 'Task'); }";
  const code = SYNC.replace('onWebhook: async () => {}', hears);
  const context = { models: ['Task'], lastSyncDate: null };
  const { outcome, calls } = await run(code, { kind: 'webhook', input: '{"id":"heard"}', context });
  expect(outcome.status).toBe('completed');
  expect(calls.map(({ kind, args }) => [kind, args['ids']])).toEqual([['saveRecords', ['heard']]]);
});

test('zod 3 and zod 4 are both there, each as its version behaves', async () => {
  expect(
    await outputOf(
      `const three = require('zod/v3'); const four = require('zod');
       return [three.z.string().email().safeParse('x').error.errors[0].code, typeof three.z.toJSONSchema, typeof four.z.toJSONSchema];`,
    ),
  ).toEqual(['invalid_string', 'undefined', 'function']);
});
