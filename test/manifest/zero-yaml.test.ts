import { expect, test } from '@jest/globals';
import { readIndex } from '../../manifest/index-file.ts';
import { NO_PLACES } from '../../manifest/definition-source.ts';
import { checkRules } from '../../manifest/rules.ts';
import { readZeroYaml, type ZeroScript } from '../../manifest/zero-yaml.ts';

const TEXT = `import { createSync } from 'nango';
export default createSync({
  frequency: 'every hour',
  endpoints: [{ path: '/tasks' }],
});
`;
const TASK = { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] };

function sync(
  name: string,
  properties: Record<string, unknown>,
  schemas: Record<string, object> = { 'model:Task': TASK },
): ZeroScript {
  return {
    entry: { kind: 'sync', integration: 'tracker', name, file: `tracker/syncs/${name}.ts`, line: 1, column: 1 },
    places: checkRules({ file: 'a.ts', text: TEXT, kind: 'sync', version: 'zero-yaml' }).places ?? NO_PLACES,
    exports: [],
    definition: { properties: { type: 'sync', frequency: 'every hour', ...properties }, schemas: schemas as never },
  };
}

test('a definition becomes what a nango.yaml would say, with its schemas', () => {
  const { manifest, mistakes } = readZeroYaml([
    sync(
      'tasks',
      { description: 'T', version: 2, autoStart: true, scopes: 'a, b', endpoints: [{ path: '/t' }] },
      {
        'model:Task': {
          ...TASK,
          properties: { ...TASK.properties, parent: { $ref: '#' }, kind: { $ref: '#/definitions/Kind' } },
          definitions: { Kind: { enum: ['a'] } },
        },
        metadata: { type: 'object' },
      },
    ),
  ]);
  expect(mistakes).toEqual([]);
  expect(manifest.integrations[0]?.syncs).toEqual([
    {
      name: 'tasks',
      line: 2,
      column: 16,
      description: 'T',
      version: '2',
      scopes: ['a', 'b'],
      runs: 'every hour',
      intervalMs: 3_600_000,
      returns: ['Task'],
      trackDeletes: false,
      autoStart: true,
      syncType: 'full',
      input: { kind: 'model', name: 'SyncMetadata_tracker_tasks' },
      endpoints: [{ method: 'GET', path: '/t' }],
      schema: {
        $schema: 'http://json-schema.org/draft-07/schema#',
        definitions: {
          Task: {
            type: 'object',
            properties: {
              id: { type: 'string' },
              parent: { $ref: '#/definitions/Task' },
              kind: { $ref: '#/definitions/Task__Kind' },
            },
            required: ['id'],
          },
          Task__Kind: { enum: ['a'] },
          SyncMetadata_tracker_tasks: { type: 'object' },
        },
      },
    },
  ]);
});

test('a sync that does not say autoStart waits, and is warned of', () => {
  const { manifest } = readZeroYaml([sync('tasks', {})]);
  expect(manifest.integrations[0]?.syncs[0]?.autoStart).toBe(false);
  expect(manifest.warnings).toMatchObject([{ code: 'auto_start_missing', line: 2 }]);
});

test.each([
  [
    'two syncs that save one model',
    [sync('a', { autoStart: true }), sync('b', { autoStart: true })],
    ['2 duplicate_model'],
  ],
  [
    'two scripts at one address',
    [
      sync('a', { autoStart: true, endpoints: [{ path: '/t' }] }),
      sync('b', { autoStart: true, endpoints: [{ path: '/t' }] }, { 'model:Other': TASK }),
    ],
    ['4 duplicate_endpoint'],
  ],
  [
    'more endpoints than models',
    [sync('a', { endpoints: [{ path: '/t' }, { path: '/u' }] })],
    ['4 endpoints_mismatch'],
  ],
  [
    'deletions found by an incremental sync',
    [sync('a', { trackDeletes: true, syncType: 'incremental' })],
    ['2 track_deletes_incremental'],
  ],
  [
    'properties of the wrong kind',
    [sync('a', { autoStart: 'yes', frequency: 7 })],
    ['3 nango_invalid_function_param', '2 nango_invalid_function_param'],
  ],
])('%s is a mistake', (_what, scripts, expected) => {
  const { mistakes } = readZeroYaml(scripts);
  expect(mistakes.map(({ line, code }) => `${line} ${code}`).sort()).toEqual([...expected].sort());
});

test('index.ts is read by a parser: comments and texts declare nothing, types neither', () => {
  const { entries, mistakes } = readIndex(`// import './a/syncs/x.js';
const text = "import './a/syncs/y.js'";
import './a/syncs/one.js'; import "./a/actions/two";
export * from './b/on-events/three.ts';
import type { T } from './a/types.js';
import 'zod';
import './a/syncs/one.js';
`);
  expect(mistakes).toEqual([]);
  expect(entries.map(({ kind, file, line, column }) => `${kind} ${file} ${line}:${column}`)).toEqual([
    'sync a/syncs/one.ts 3:1',
    'action a/actions/two.ts 3:28',
    'on-event b/on-events/three.ts 4:1',
  ]);
});
