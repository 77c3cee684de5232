import { expect, test } from '@jest/globals';
import type { Manifest, MistakeCode } from '../../manifest/manifest.ts';
import { inspectManifest, parseManifest } from '../../manifest/parse.ts';

const MODELS = 'models: { Task: { id: string }, Person: { id: integer }, Team: { name: string } }';
const parse = (integrations: string) => parseManifest(`${integrations}\n${MODELS}`, 'nango.yaml').manifest;
/** What is said besides models that no script uses, which these small files are full of. */
const warningsOf = ({ warnings }: Manifest) =>
  warnings.filter(({ code }) => code !== 'unused_model').map((one) => `${one.line}:${one.column} ${one.code}`);

const RUNS = 'runs: every hour, output: Task, endpoint: GET /tasks';
const sync = (keys: string) => `integrations: { a: { syncs: { x: { ${keys} } } } }`;
const action = (keys: string) => `integrations: { a: { actions: { x: { ${keys} } } } }`;
const twoSyncs = (first: string, second: string) =>
  `integrations: { a: { syncs: { x: { ${first} }, y: { ${second} } } } }`;

test('a sync carries everything the form has', () => {
  const manifest = parse(`integrations:
  tracker:
    provider: tracker-cloud
    syncs:
      tasks:
        description: |
          The tasks
          of a team
        runs: every 30s
        sync_type: FULL
        auto_start: false
        version: 1.0.2
        output: [Task, Person]
        input: Team
        endpoint:
          - { method: get, path: "/tasks/{Task:id}", group: Team work }
          - /people
        scopes: "read, write,read"
        webhook-subscriptions: [created, deleted]
`);
  expect(manifest.version).toBe('v2');
  expect(manifest.integrations).toEqual([
    {
      name: 'tracker',
      provider: 'tracker-cloud',
      actions: [],
      onEvents: [],
      syncs: [
        {
          name: 'tasks',
          line: 5,
          column: 7,
          description: 'The tasks\nof a team',
          version: '1.0.2',
          runs: 'every 30s',
          intervalMs: 30_000,
          returns: ['Task', 'Person'],
          input: { kind: 'model', name: 'Team' },
          endpoints: [
            { method: 'GET', path: '/tasks/{Task:id}', group: 'Team work' },
            { method: 'GET', path: '/people' },
          ],
          scopes: ['read', 'write'],
          webhookSubscriptions: ['created', 'deleted'],
          trackDeletes: false,
          autoStart: false,
          syncType: 'full',
        },
      ],
    },
  ]);
});

test('a sync is incremental and starts by itself unless it says otherwise', () => {
  const [only] = parse(sync(RUNS)).integrations[0]?.syncs ?? [];
  expect(only).toMatchObject({ syncType: 'incremental', autoStart: true, trackDeletes: false, scopes: [] });
});

test.each([
  ['endpoint: GET /tasks', { method: 'GET', path: '/tasks' }],
  ['endpoint: delete /tasks/{Task:id}/now', { method: 'DELETE', path: '/tasks/{Task:id}/now' }],
  ['endpoint: /tasks', { method: 'POST', path: '/tasks' }],
  ['endpoint: { path: /tasks }', { method: 'POST', path: '/tasks' }],
  [
    'endpoint: { method: PATCH, path: /tasks, group: Team-work }',
    { method: 'PATCH', path: '/tasks', group: 'Team-work' },
  ],
  ['endpoint: [{ method: PUT, path: /tasks }]', { method: 'PUT', path: '/tasks' }],
])('an action with %s is found there', (endpoint, expected) => {
  expect(parse(action(endpoint)).integrations[0]?.actions[0]?.endpoint).toEqual(expected);
});

test.each([
  ['one word', 'scopes: read', ['read']],
  ['words between commas', 'scopes: "read, write"', ['read', 'write']],
  ['a list', 'scopes: [read, "files:write"]', ['read', 'files:write']],
  ['nothing', 'scopes:', []],
])('scopes that are %s are a list', (_what, scopes, expected) => {
  expect(parse(action(`endpoint: /x, ${scopes}`)).integrations[0]?.actions[0]?.scopes).toEqual(expected);
});

test('a model as input or output stays that model, and a list of models stays a choice of them', () => {
  const [only] = parse(action('endpoint: /x, input: Team, output: [Task, Person]')).integrations[0]?.actions ?? [];
  expect(only?.input).toEqual({ kind: 'model', name: 'Team' });
  expect(only?.output).toEqual({
    kind: 'union',
    members: [
      { kind: 'model', name: 'Task' },
      { kind: 'model', name: 'Person' },
    ],
  });
});

test.each([
  ['Task[]', { kind: 'array', element: { kind: 'model', name: 'Task' } }],
  ['string', { kind: 'primitive', name: 'string' }],
  [
    '{ a: boolean }',
    { kind: 'object', fields: [{ name: 'a', optional: false, type: { kind: 'primitive', name: 'boolean' } }] },
  ],
  [
    'Task | "null"',
    {
      kind: 'union',
      members: [
        { kind: 'model', name: 'Task' },
        { kind: 'literal', value: 'null' },
      ],
    },
  ],
])('%s as input becomes an anonymous model', (written, type) => {
  const manifest = parse(
    `integrations: { my-app: { actions: { do-it: { endpoint: /x, input: ${written} } } } }`.replace(
      'Task | "null"',
      '\'Task | "null"\'',
    ),
  );
  const name = 'Anonymous_my_app_action_do_it_input';
  expect(manifest.integrations[0]?.actions[0]?.input).toEqual({ kind: 'model', name });
  expect(manifest.models.at(-1)).toEqual({ name, type, anonymous: true, line: 1, column: 63 });
});

test('anonymous models of two integrations whose names look alike do not mix', () => {
  const { models } = parse(
    'integrations: { a-b: { actions: { x: { endpoint: /x, output: string } } }, a_b: { actions: { x: { endpoint: /x, output: number } } } }',
  );
  expect(models.filter((model) => model.anonymous).map(({ name, type }) => [name, type])).toEqual([
    ['Anonymous_a_b_action_x_output', { kind: 'primitive', name: 'string' }],
    ['Anonymous_a_b_action_x_output_2', { kind: 'primitive', name: 'number' }],
  ]);
});

test('scripts for events keep their event and place, under both names of the section', () => {
  const { integrations } = parse(
    'integrations:\n  a: { on-events: { post-connection-creation: [hello], validate-connection: check } }\n  b:\n    post-connection-scripts:\n      - old-hello\n',
  );
  expect(integrations.map((one) => one.onEvents)).toEqual([
    [
      { name: 'hello', event: 'post-connection-creation', line: 2, column: 49 },
      { name: 'check', event: 'validate-connection', line: 2, column: 78 },
    ],
    [{ name: 'old-hello', event: 'post-connection-creation', line: 5, column: 9 }],
  ]);
});

test('sections left empty are no mistake', () => {
  const text = 'integrations:\n  a:\n    syncs:\n    actions:\n    on-events:\n      post-connection-creation:\n';
  expect(parse(text).integrations).toEqual([{ name: 'a', syncs: [], actions: [], onEvents: [] }]);
});

test('an integration without keys does not decide about the form of the file', () => {
  expect(parse('integrations: { a: {}, b: { actions: { x: { endpoint: /x } } } }').version).toBe('v2');
});

const WARNINGS: readonly [string, string, string][] = [
  ['a word that is no type', action('endpoint: /x, output: Tsk'), '1:59 model_is_literal'],
  ['brackets behind the model', sync('runs: every hour, output: "Task[]", endpoint: /x'), '1:59 undefined'],
  [
    'a script for an event',
    'integrations: { a: { on-events: { pre-connection-deletion: [bye] } } }',
    '1:61 not_supported_yet',
  ],
  ['webhooks for a sync', sync(`${RUNS}, webhook-subscriptions: all`), '1:110 not_supported_yet'],
];
test.each(WARNINGS)('%s is a warning with its place', (_what, text, expected) => {
  expect(warningsOf(parse(text))).toEqual([expected]);
});

test('what is odd about models is said where they stand, and what inherits or is mentioned counts as used', () => {
  const { warnings } = parseManifest(
    `${sync('runs: every hour, output: Tasks, endpoint: /x')}\nmodels:\n  Tasks: { id: string, status: Status, next?: Tasks }\n  Status: { __extends: Base }\n  Base: { a: opn }\n  Spare: { b: string }`,
    'nango.yaml',
  ).manifest;
  expect(warnings.map(({ line, column, code, message }) => `${line}:${column} ${code} ${message}`)).toEqual([
    "3:3 cyclic_model model 'Tasks' is part of a circle of models: allowed, as long as its records end somewhere",
    "3:3 plural_model_name model 'Tasks' is named in the plural and describes one record: expected 'Task'",
    "5:14 model_not_found_fallback field 'a' of model 'Base': 'opn' is neither a type nor a model and is taken as the text 'opn'",
    "6:3 unused_model model 'Spare' is not used by any sync or action: expected a script that saves, takes or answers it",
  ]);
});

test.each([
  ['Companies', 'Company'],
  ['Issues', 'Issue'],
  ['Boxes', 'Box'],
  ['Addresses', 'Address'],
  ['Status', undefined],
  ['Address', undefined],
  ['Canvas', undefined],
  ['Analysis', undefined],
  ['News', undefined],
])('a model called %s should be called %s', (name, single) => {
  const text = `${sync(`runs: every hour, output: ${name}, endpoint: /x`)}\nmodels: { ${name}: { id: string } }`;
  const messages = parseManifest(text, 'nango.yaml').manifest.warnings.map((warning) => warning.message);
  expect(messages).toEqual(single === undefined ? [] : [expect.stringMatching(new RegExp(`expected '${single}'$`))]);
});

const MISTAKES: readonly [string, string, MistakeCode | undefined, string][] = [
  [
    'a sync without endpoint',
    sync('runs: every hour, output: Task'),
    'endpoints_mismatch',
    "1:31: sync 'x' has no 'endpoint': expected where applications find it, for example 'endpoint: GET /tasks'",
  ],
  [
    'an action without endpoint',
    action('output: Task'),
    'endpoints_mismatch',
    "1:33: action 'x' has no 'endpoint': expected where applications find it, for example 'endpoint: POST /tasks'",
  ],
  [
    'one endpoint for two models',
    sync('runs: every hour, output: [Task, Person], endpoint: /x'),
    'endpoints_mismatch',
    "1:85: endpoint of sync 'x' names 1: expected 2, one for each output",
  ],
  [
    'two endpoints of an action',
    action('endpoint: [/x, /y]'),
    'endpoints_mismatch',
    "1:47: endpoint of action 'x' names 2: expected 1, one for each output",
  ],
  [
    'a sync that is posted to',
    sync('runs: every hour, output: Task, endpoint: POST /x'),
    undefined,
    "1:75: endpoint of sync 'x' 'POST /x': expected 'GET', since records of a sync are only read",
  ],
  [
    'a method that is none',
    action('endpoint: FETCH /x'),
    undefined,
    "1:47: endpoint of action 'x' 'FETCH /x': expected a method of GET, POST, PUT, PATCH, DELETE before the path",
  ],
  [
    'a path without slash',
    action('endpoint: { path: x }'),
    undefined,
    "1:47: endpoint of action 'x' 'x': expected a path such as '/tasks' or '/tasks/{Task:id}', without spaces",
  ],
  [
    'a path with an open brace',
    action("endpoint: '/{x'"),
    undefined,
    "1:47: endpoint of action 'x' '/{x': expected a path such as '/tasks' or '/tasks/{Task:id}', without spaces",
  ],
  [
    'a group with digits',
    action('endpoint: { path: /x, group: g2 }'),
    undefined,
    "1:47: endpoint of action 'x' '/x': expected a group of up to 64 letters, spaces, '-' and '_'",
  ],
  [
    'an endpoint without path',
    action('endpoint: { method: GET }'),
    undefined,
    "1:47: endpoint of action 'x' has no 'path': expected one such as '/tasks'",
  ],
  [
    'an endpoint with another key',
    action('endpoint: { path: /x, verb: GET }'),
    undefined,
    "1:59: key 'verb' of endpoint of action 'x' is not known: expected method, path or group",
  ],
  [
    'an endpoint that is empty',
    action('endpoint: []'),
    'endpoints_mismatch',
    "1:47: action 'x' has no 'endpoint': expected where applications find it, for example 'endpoint: POST /tasks'",
  ],
  [
    'an endpoint taken twice',
    twoSyncs(RUNS, 'runs: every hour, output: Person, endpoint: "get  /tasks"'),
    'duplicate_endpoint',
    "1:138: endpoint of sync 'y' 'get /tasks': expected an endpoint of its own in this integration (sync 'x' has it)",
  ],
  [
    'a model saved twice',
    twoSyncs(RUNS, 'runs: every hour, output: Task, endpoint: /y'),
    'duplicate_model',
    "1:120: output of sync 'y' 'Task': expected a model that no other sync of this integration saves (sync 'x' does)",
  ],
  [
    'no output',
    sync('runs: every hour, endpoint: /x'),
    'model_not_found',
    "1:31: sync 'x' has no 'output': expected the model it saves, for example 'output: Task'",
  ],
  [
    'a model that is missing',
    sync('runs: every hour, output: Task | Tsk, endpoint: [/x, /y]'),
    'model_not_found',
    "1:59: output of sync 'x' 'Tsk': expected the name of a model listed under 'models:'",
  ],
  [
    'a model without id',
    sync('runs: every hour, output: Team, endpoint: /x'),
    'model_missing_id',
    "1:59: output of sync 'x' 'Team': expected a model with a field 'id' (string or number), by which its records are told apart",
  ],
  [
    'no frequency',
    sync('output: Task, endpoint: /x'),
    'invalid_runs',
    "1:31: sync 'x' has no 'runs': expected how often it runs, for example 'runs: every 30min'",
  ],
  [
    'a frequency under thirty seconds',
    sync('runs: every 29s, output: Task, endpoint: /x'),
    'invalid_runs',
    "1:42: sync 'x' runs 'every 29s': the shortest frequency is 30s",
  ],
  [
    'deletions by comparison',
    sync(`${RUNS}, track_deletes: true`),
    'not_supported_yet',
    "1:87: track_deletes of sync 'x' is 'true': deletions cannot be detected yet; remove the line, and send rows that are gone with nango.batchDelete",
  ],
  [
    'a kind of sync that is none',
    sync(`${RUNS}, sync_type: partial`),
    undefined,
    "1:98: sync_type of 'x' is 'partial': expected 'full' or 'incremental'",
  ],
  [
    'a key of a sync in an action',
    action('endpoint: /x, runs: every hour'),
    undefined,
    "1:51: key 'runs' of 'x' is not known: expected one of description, version, endpoint, output, input, scopes",
  ],
  [
    'scopes that are a mapping',
    action('endpoint: /x, scopes: [{ a: b }]'),
    undefined,
    "1:60: scopes of 'x' is a mapping: expected a text, or a list of texts",
  ],
  [
    'a script beside the sections',
    'integrations: { a: { syncs: {}, x: { runs: every hour } } }',
    undefined,
    "1:33: key 'x' of integration 'a' is not known: expected one of syncs, actions, on-events, post-connection-scripts, provider; scripts belong under 'syncs:' or 'actions:'",
  ],
  [
    'a section that is a list',
    'integrations: { a: { syncs: [x] } }',
    undefined,
    "1:29: 'syncs' of integration 'a' is a list: expected a mapping (indented 'name:' lines)",
  ],
  [
    'a script name with a dot',
    'integrations: { a: { syncs: { x.y: {} } } }',
    undefined,
    "1:31: script name 'x.y': expected letters, digits, '-' and '_', since it names the file '<script>.ts'",
  ],
  [
    'both sections for events',
    'integrations: { a: { on-events: {}, post-connection-scripts: [] } }',
    'both_post_connection_scripts_and_on_events_present',
    "1:37: 'post-connection-scripts' stands beside 'on-events': expected its scripts in 'post-connection-creation' of 'on-events'",
  ],
  [
    'an event that is none',
    'integrations: { a: { on-events: { payday: [x] } } }',
    undefined,
    "1:35: event 'payday': expected one of post-connection-creation, pre-connection-deletion, validate-connection",
  ],
  [
    'a script for an event without a name',
    'integrations: { a: { on-events: { validate-connection: [[]] } } }',
    undefined,
    "1:57: a script of 'validate-connection' is a list: expected the name of a script",
  ],
  [
    'a provider that is a list',
    'integrations: { a: { syncs: {}, provider: [] } }',
    undefined,
    "1:43: provider of integration 'a' is a list: expected the name of a provider",
  ],
  [
    'a generic type as input',
    action('endpoint: /x, input: Array<Task>'),
    'type_syntax_error',
    "1:63: input of action 'x' 'Array<Task>': generic types are not part of the model language; expected 'T[]' for a list, '__string: T' for a record",
  ],
  [
    'half a union',
    action('endpoint: /x, input: Task |'),
    'failed_to_parse_union',
    "1:64: input of action 'x' 'Task |': expected a type",
  ],
  [
    'half an array',
    action("endpoint: /x, input: 'Task['"),
    'failed_to_parse_array',
    "1:58: input of action 'x' 'Task[': expected '[]' after a type",
  ],
  [
    'an empty list as input',
    action('endpoint: /x, input: []'),
    'failed_to_parse_array',
    "1:58: input of action 'x' is an empty list: expected the type of its members",
  ],
  [
    'braces in a text',
    action("endpoint: /x, input: '{ a: string }'"),
    'failed_to_parse_object',
    "1:58: input of action 'x' '{ a: string }': expected a nested mapping (indented lines) instead of braces",
  ],
];
test.each(MISTAKES)('%s is one mistake with its code and place', (_what, text, code, expected) => {
  const { mistakes, manifest } = inspectManifest(`${text}\n${MODELS}`, 'nango.yaml');
  expect(mistakes.map((one) => `${one.line}:${one.column}: ${one.message}`)).toEqual([expected]);
  expect(mistakes[0]?.code).toBe(code);
  expect(manifest).toBeUndefined();
});

test('a sync and an action of one integration may share a name, and two integrations anything', () => {
  const scripts = `{ syncs: { x: { ${RUNS} } }, actions: { x: { endpoint: POST /tasks } } }`;
  expect(parse(`integrations: { a: ${scripts}, b: ${scripts} }`).integrations).toHaveLength(2);
});

test('mistakes of models carry their codes too', () => {
  const { mistakes } = inspectManifest('integrations: {}\nmodels: { a-b: {}, B: { __extends: C } }', 'nango.yaml');
  expect(mistakes.map((mistake) => mistake.code)).toEqual(['invalid_model_name', 'model_extends_not_found']);
});
