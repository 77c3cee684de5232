import { expect, test } from '@jest/globals';
import { parseManifest } from '../../manifest/parse.ts';

const MODELS = 'models: { Task: { id: string }, Person: { id: integer } }';
const parse = (integrations: string) => parseManifest(`${integrations}\n${MODELS}`, 'nango.yaml').manifest;

test('a sync carries its frequency, models, defaults and position', () => {
  const manifest = parse('integrations:\n  tracker:\n    tasks:\n      runs: Every 30min\n      returns: Task');
  expect(manifest.version).toBe('v1');
  expect(manifest.warnings.map((warning) => warning.code)).toEqual(['model_unused']);
  expect(manifest.integrations).toEqual([
    {
      name: 'tracker',
      actions: [],
      onEvents: [],
      syncs: [
        {
          name: 'tasks',
          line: 3,
          column: 5,
          runs: 'every 30min',
          intervalMs: 1_800_000,
          returns: ['Task'],
          trackDeletes: false,
          autoStart: true,
          syncType: 'incremental',
        },
      ],
    },
  ]);
});

test('an action carries input and output as types', () => {
  const manifest = parse(
    'integrations: { chat: { post: { type: action, description: Posts, version: 1.0.2, input: "Task | null", returns: [Task, Person] } } }',
  );
  expect(manifest.integrations[0]?.actions).toEqual([
    {
      name: 'post',
      line: 1,
      column: 25,
      description: 'Posts',
      version: '1.0.2',
      input: {
        kind: 'union',
        members: [
          { kind: 'model', name: 'Task' },
          { kind: 'primitive', name: 'null' },
        ],
      },
      output: {
        kind: 'union',
        members: [
          { kind: 'model', name: 'Task' },
          { kind: 'model', name: 'Person' },
        ],
      },
    },
  ]);
});

test('returns may be a list, may name one model in several syncs, and may carry brackets with a warning', () => {
  const manifest = parse(
    'integrations: { a: { x: { runs: every hour, returns: [Task, Person] } }, b: { y: { runs: every hour, returns: "Task[]" } } }',
  );
  expect(manifest.integrations.map((integration) => integration.syncs[0]?.returns)).toEqual([
    ['Task', 'Person'],
    ['Task'],
  ]);
  expect(manifest.warnings.map((warning) => warning.message)).toEqual([
    "returns of sync 'y' 'Task[]': expected 'Task'; a sync always saves many",
  ]);
});

// biome-ignore lint/suspicious/noTemplateCurlyInString: real files have it as the integration's key.
test.each(['${PWD}', 'google-calendar', 'my app (EU)'])('integration id %p is left alone', (name) => {
  expect(parse(`integrations:\n  ${name}: { x: { type: action } }`).integrations[0]?.name).toBe(name);
});

test('auto_start false and an action that runs are understood, the latter with a warning', () => {
  const manifest = parse(
    'integrations: { a: { x: { runs: every hour, returns: Task, auto_start: false }, y: { type: action, runs: every hour } } }',
  );
  expect(manifest.integrations[0]?.syncs[0]?.autoStart).toBe(false);
  expect(manifest.warnings.map((warning) => warning.message)).toContain(
    "runs of action 'y' has no effect: actions run when they are called; remove the line",
  );
});

test('unknown keys, unknown words in models and circles of models are warnings with positions', () => {
  const { warnings } = parseManifest(
    'integrations: { a: { x: { type: action, scope: all } } }\nextra: 1\nmodels:\n  Task:\n    id: string\n    state: opn\n    parent: Task | null\n',
    'nango.yaml',
  ).manifest;
  expect(warnings.map(({ line, column, message }) => `${line}:${column} ${message.split(':')[0]}`)).toEqual([
    "1:41 key 'scope' of 'x' is not known and has no effect",
    "2:1 key 'extra' is not known and has no effect",
    "4:3 model 'Task' is part of a circle of models",
    "6:12 field 'state' of model 'Task'",
  ]);
});

test('models inherit fields in any order, and their own fields win', () => {
  const { models } = parseManifest(
    'integrations: {}\nmodels: { C: { __extends: [B], x: number }, B: { __extends: "A, Z", y: string }, A: { x: string }, Z: { z: any } }',
    'nango.yaml',
  ).manifest;
  const fields = models[0]?.type.kind === 'object' ? models[0].type.fields : [];
  expect(fields.map((field) => [field.name, field.type])).toEqual([
    ['x', { kind: 'primitive', name: 'number' }],
    ['z', { kind: 'primitive', name: 'any' }],
    ['y', { kind: 'primitive', name: 'string' }],
  ]);
});

test('a key with a question mark and a type with undefined both make a field optional', () => {
  const { models } = parseManifest(
    'integrations: {}\nmodels: { A: { "x?": string, y: string | undefined, z: string } }',
    'n',
  ).manifest;
  const fields = models[0]?.type.kind === 'object' ? models[0].type.fields : [];
  expect(fields.map((field) => field.optional)).toEqual([true, true, false]);
});

test('aliases, Windows line ends and a byte order mark are read', () => {
  const text = '\uFEFFintegrations:\r\n  a: &scripts\r\n    x: { type: action }\r\n  b: *scripts\r\n';
  const { integrations } = parseManifest(text, 'nango.yaml').manifest;
  expect(integrations.map((integration) => integration.actions[0]?.name)).toEqual(['x', 'x']);
});
