import { expect, test } from '@jest/globals';
import type { EngineError } from '../../contract/failures.ts';
import { parseManifest } from '../../manifest/parse.ts';

const FILE = `integrations:
  tracker:
    provider: tracker-eu
    syncs:
      tasks:
        description: |
          All tasks,
          with their owners.
        runs: every half hour
        sync_type: incremental
        output: Task
        input: Settings
        scopes: read:tasks, read:people
        endpoint: GET /tracker/tasks
        webhook-subscriptions: [task.created, task.gone]
        version: 2.0.1
      people-and-teams:
        runs: every 45s
        output: [Person, Team]
        auto_start: false
        endpoint:
          - { method: GET, path: /people, group: People }
          - path: /teams
    actions:
      add-task:
        input: NewTask
        output: Task
        scopes: [write:tasks]
        endpoint: { method: put, path: "/tasks/{Task:id}" }
      names:
        input: string[]
        output: "Task | Person"
      ping:
        output: string
    on-events:
      post-connection-creation: [hello]
      validate-connection:
        - check-account
models:
  Settings: { project: string }
  NewTask: { title: string }
  Task: { __extends: NewTask, id: string, state: open | closed }
  Person: { id: number }
  Team: { id: string, members: "Person[]" }
`;

const v2 = (sections: string, models = 'Task: { id: string }') =>
  `integrations: { a: { ${sections} } }\nmodels: { ${models} }`;

function faultsOf(text: string): string[] {
  try {
    parseManifest(text, 'nango.yaml');
  } catch (error) {
    const { faults = [] } = (error as EngineError).details;
    return faults.map(({ code, path }) => `${path[1]}:${path[2]} ${code}`);
  }
  return [];
}

test('a v2 sync carries its metadata model, scopes, endpoints, events and version', () => {
  const { manifest } = parseManifest(FILE, 'nango.yaml');
  expect(manifest.version).toBe('v2');
  expect(manifest.integrations[0]?.syncs).toEqual([
    {
      name: 'tasks',
      line: 5,
      column: 7,
      description: 'All tasks,\nwith their owners.',
      runs: 'every half hour',
      intervalMs: 1_800_000,
      syncType: 'incremental',
      returns: ['Task'],
      input: { kind: 'model', name: 'Settings' },
      scopes: ['read:tasks', 'read:people'],
      endpoints: [{ method: 'GET', path: '/tracker/tasks' }],
      webhookSubscriptions: ['task.created', 'task.gone'],
      version: '2.0.1',
      trackDeletes: false,
      autoStart: true,
    },
    {
      name: 'people-and-teams',
      line: 17,
      column: 7,
      runs: 'every 45s',
      intervalMs: 45_000,
      syncType: 'full',
      returns: ['Person', 'Team'],
      endpoints: [
        { method: 'GET', path: '/people', group: 'People' },
        { method: 'GET', path: '/teams' },
      ],
      trackDeletes: false,
      autoStart: false,
    },
  ]);
});

test('v2 actions take any type in and out and have one address', () => {
  const actions = parseManifest(FILE, 'nango.yaml').manifest.integrations[0]?.actions ?? [];
  expect(
    actions.map(({ name, input, output, endpoints, scopes }) => ({ name, input, output, endpoints, scopes })),
  ).toEqual([
    {
      name: 'add-task',
      input: { kind: 'model', name: 'NewTask' },
      output: { kind: 'model', name: 'Task' },
      endpoints: [{ method: 'PUT', path: '/tasks/{Task:id}' }],
      scopes: ['write:tasks'],
    },
    {
      name: 'names',
      input: { kind: 'array', element: { kind: 'primitive', name: 'string' } },
      output: {
        kind: 'union',
        members: [
          { kind: 'model', name: 'Task' },
          { kind: 'model', name: 'Person' },
        ],
      },
    },
    { name: 'ping', output: { kind: 'primitive', name: 'string' } },
  ]);
});

test('on-events name their event, and post-connection-scripts are the old form of one', () => {
  const { integrations } = parseManifest(FILE, 'nango.yaml').manifest;
  expect(integrations[0]?.onEvents.map(({ name, event, line }) => [name, event, line])).toEqual([
    ['hello', 'post-connection-creation', 36],
    ['check-account', 'validate-connection', 38],
  ]);
  const old = parseManifest(v2('post-connection-scripts: [hello], syncs: { }'), 'nango.yaml').manifest;
  expect(old.integrations[0]?.onEvents).toMatchObject([
    { name: 'hello', event: 'post-connection-creation', isOldForm: true },
  ]);
});

test('an integration whose id is the variable PWD is named after the folder', () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: real files have it as the integration's key.
  const { integrations } = parseManifest('integrations:\n  ${PWD}: { actions: { x: {} } }', 'n', 'slack').manifest;
  expect(integrations[0]?.name).toBe('slack');
});

test.each([
  ['a model no file has', v2('syncs: { x: { runs: every hour, output: Nope } }'), ['1:62 model_not_found']],
  [
    'a model without id',
    v2('syncs: { x: { runs: every hour, output: Task } }', 'Task: { a: string }'),
    ['1:62 model_missing_id'],
  ],
  ['no frequency', v2('syncs: { x: { output: Task } }'), ['1:31 invalid_runs']],
  ['a frequency below 30 s', v2('syncs: { x: { runs: every 10s, output: Task } }'), ['1:42 invalid_runs']],
  [
    'one model in two syncs',
    v2('syncs: { x: { runs: every hour, output: Task }, y: { runs: every hour, output: [Task] } }'),
    ['1:101 duplicate_model'],
  ],
  [
    'one address twice',
    v2('syncs: { x: { runs: every hour, output: Task, endpoint: /t } }, actions: { y: { endpoint: GET /t } }'),
    ['1:112 duplicate_endpoint'],
  ],
  [
    'more endpoints than models',
    v2('syncs: { x: { runs: every hour, output: Task, endpoint: [/t, /u] } }'),
    ['1:78 endpoints_mismatch'],
  ],
  [
    'a sync that is posted',
    v2('syncs: { x: { runs: every hour, output: Task, endpoint: POST /t } }'),
    ['1:78 invalid_endpoint'],
  ],
  ['a path without slash', v2('actions: { x: { endpoint: { path: t } } }'), ['1:48 invalid_endpoint']],
  [
    'both names of one thing',
    v2('on-events: { post-connection-creation: [x] }, post-connection-scripts: [y]'),
    ['1:68 both_post_connection_scripts_and_on_events_present'],
  ],
  ['an event that never happens', v2('on-events: { someday: [x] }'), ['1:35 invalid']],
  ['a script at the place of a section', v2('actions: { }, tasks: { runs: every hour }'), ['1:36 invalid']],
  ['a model name with a dash', v2('actions: { }', 'a-b: { x: string }'), ['2:11 invalid_model_name']],
  ['a parent nobody has', v2('actions: { }', 'A: { __extends: B }'), ['2:27 model_extends_not_found']],
  ['a generic type', v2('actions: { }', 'A: { x: "Record<string, any>" }'), ['2:19 type_syntax_error']],
  ['an empty list', v2('actions: { }', 'A: { x: [] }'), ['2:19 failed_to_parse_array']],
  [
    'several mistakes',
    v2('syncs: { x: { runs: daily, output: Nope }, "y z": {} }'),
    ['1:42 invalid_runs', '1:57 model_not_found', '1:65 invalid_script_name'],
  ],
])('%s is refused with its code and place', (_what, text, faults) => {
  expect(faultsOf(text)).toEqual(faults);
});

test('track_deletes of an incremental sync says which of the two has to go', () => {
  expect(
    faultsOf(v2('syncs: { x: { runs: every hour, output: Task, sync_type: incremental, track_deletes: true } }')),
  ).toContain('1:92 track_deletes_incremental');
});

test('plural and unused models are warnings', () => {
  const text = v2('actions: { x: { output: Tasks } }', 'Tasks: { id: string }, Status: { a: string }');
  const { warnings } = parseManifest(text, 'nango.yaml').manifest;
  expect(warnings.map(({ line, column, code }) => `${line}:${column} ${code}`)).toEqual([
    '2:11 model_name_plural',
    '2:34 model_unused',
  ]);
});
