/** Every code of the incumbent's parser and compiler (facts: sections 1.4, 2.4 and 2.5), at the place it is reported for. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { createBuilder } from '../../cli/incremental.ts';
import type { EngineError } from '../../contract/failures.ts';
import { NO_PLACES } from '../../manifest/definition-source.ts';
import { readIndex } from '../../manifest/index-file.ts';
import type { Mistake } from '../../manifest/manifest.ts';
import { parseManifest } from '../../manifest/parse.ts';
import { checkRules } from '../../manifest/rules.ts';
import { readZeroYaml, type ZeroScript } from '../../manifest/zero-yaml.ts';
import { compileScript } from '../../sandbox/compile.ts';
import { writeFiles } from '../support/project-files.ts';

const MANIFEST = fileURLToPath(new URL('../../manifest', import.meta.url));
type Found = readonly string[];
type Case = () => Found | Promise<Found>;

const shown = (list: readonly Mistake[]) => list.map(({ line, column, code }) => `${line}:${column} ${code}`);

/** Mistakes and warnings of a nango.yaml, as `line:column code`. */
function yaml(text: string): Found {
  try {
    return shown(parseManifest(text, 'nango.yaml').manifest.warnings);
  } catch (error) {
    const { faults = [] } = (error as EngineError).details;
    return faults.map(({ code, path }) => `${path[1]}:${path[2]} ${code}`);
  }
}

const v2 = (sections: string, models = 'Task: { id: string }') =>
  yaml(`integrations: { a: { ${sections} } }\nmodels: { ${models} }`);
const model = (text: string) => v2('actions: { x: { output: A } }', text);

function rules(body: string, kind: 'sync' | 'action' = 'sync'): Found {
  const text = `export default async function run(nango: NangoSync) {\n${body}\n}\n`;
  return shown(checkRules({ file: 'a.ts', text, kind, version: 'v2' }).mistakes);
}

const TEXT = `import { createSync } from 'nango';
export default createSync({
  frequency: 'every hour', checkpoint: z.array(z.string()),
});
`;

function zero(changes: Partial<ZeroScript['definition']>, more: Partial<ZeroScript> = {}): Found {
  const task = { type: 'object', properties: { id: { type: 'string' } } };
  const definition = {
    properties: { type: 'sync', frequency: 'every hour', autoStart: true },
    schemas: { 'model:Task': task },
    ...changes,
  } as ZeroScript['definition'];
  const entry = { kind: 'sync', integration: 'a', name: 'x', file: 'a/syncs/x.ts', line: 1, column: 1 } as const;
  const { manifest, mistakes } = readZeroYaml([
    {
      entry,
      places: checkRules({ file: 'a.ts', text: TEXT, kind: 'sync', version: 'zero-yaml' }).places ?? NO_PLACES,
      exports: [],
      definition,
      ...more,
    },
  ]);
  return shown([...mistakes, ...manifest.warnings]);
}

async function inFolder<Value>(files: Readonly<Record<string, string>>, use: (folder: string) => Promise<Value>) {
  const folder = await mkdtemp(join(tmpdir(), 'nango codes '));
  try {
    await writeFiles(folder, files);
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a message says where the incumbent has a code: `line:column first words`. */
const said = (lines: readonly string[], words: RegExp): Found =>
  lines.map((line) => `${/:(\d+:\d+): /.exec(line)?.[1]} ${words.exec(line)?.[0]}`);

async function bundled(text: string, words: RegExp): Promise<Found> {
  return inFolder({ 'script.ts': text }, async (root) => {
    const error = await compileScript({ root, file: 'script.ts' }).catch((thrown: EngineError) => thrown);
    return said('details' in error ? (error.details.mistakes ?? []) : [], words);
  });
}

async function built(text: string, words: RegExp): Promise<Found> {
  const files = { 'index.ts': "import './a/actions/x.js';\n", '.nango/keep': '', 'a/actions/x.ts': text };
  return inFolder(files, async (folder) => {
    const builder = createBuilder({ folder, form: 'zero-yaml' });
    const { mistakes } = await builder.build([]).finally(builder.close);
    return said(mistakes, words);
  });
}

const THEIRS: Readonly<Record<string, readonly [Case, Found]>> = {
  invalid_model_name: [() => model('A: { x: string }, a-b: { x: string }'), ['2:29 invalid_model_name']],
  duplicate_model: [
    () => v2('syncs: { x: { runs: every hour, output: Task }, y: { runs: every hour, output: Task } }'),
    ['1:101 duplicate_model'],
  ],
  model_not_found: [() => v2('syncs: { x: { runs: every hour, output: Nope } }'), ['1:62 model_not_found']],
  model_missing_id: [
    () => v2('syncs: { x: { runs: every hour, output: Task } }', 'Task: { a: string }'),
    ['1:62 model_missing_id'],
  ],
  duplicate_endpoint: [
    () => v2('actions: { x: { endpoint: /t }, y: { endpoint: /t, output: Task } }'),
    ['1:69 duplicate_endpoint'],
  ],
  endpoints_mismatch: [
    () => v2('syncs: { x: { runs: every hour, output: Task, endpoint: [/t, /u] } }'),
    ['1:78 endpoints_mismatch'],
  ],
  invalid_runs: [() => v2('syncs: { x: { runs: daily, output: Task } }'), ['1:42 invalid_runs']],
  model_extends_not_found: [() => model('A: { __extends: B }'), ['2:27 model_extends_not_found']],
  type_syntax_error: [() => model('A: { x: "Promise<string>" }'), ['2:19 type_syntax_error']],
  both_post_connection_scripts_and_on_events_present: [
    () => v2('on-events: { validate-connection: [x] }, post-connection-scripts: [y]', 'A: string'),
    ['1:63 both_post_connection_scripts_and_on_events_present'],
  ],
  failed_to_parse_array: [() => model('A: { x: [] }'), ['2:19 failed_to_parse_array']],
  cyclic_model: [() => model('A: { x: "A | null" }'), ['2:11 cyclic_model']],
  model_not_found_fallback: [
    () => model('A: { x: open | closed }'),
    ['2:19 model_not_found_fallback', '2:19 model_not_found_fallback'],
  ],
  method_need_await: [() => rules("nango.batchSave([], 'Task');"), ['2:1 method_need_await']],
  retryon_need_retries: [
    () => rules("await nango.get({ endpoint: '/a', retryOn: [404] });"),
    ['2:35 retryon_need_retries'],
  ],
  nango_invalid_default_export: [() => zero({}, { definition: undefined }), ['2:16 nango_invalid_default_export']],
  nango_named_export_not_allowed: [() => zero({}, { exports: ['other'] }), ['2:16 nango_named_export_not_allowed']],
  nango_invalid_function_param: [
    () => zero({ properties: { type: 'sync', frequency: 7, autoStart: true } }),
    ['3:3 nango_invalid_function_param'],
  ],
  nango_unsupported_export: [
    () =>
      shown(
        checkRules({
          file: 'a.ts',
          text: "import { createFunction } from 'nango/experimental';\nexport default createFunction({});",
          kind: 'action',
          version: 'zero-yaml',
        }).mistakes,
      ),
    ['2:16 nango_unsupported_export'],
  ],
  disallowed_import: [
    () =>
      bundled("import { x } from './x.js';\nimport fs from 'fs';\nexport default () => [fs, x];\n", /'fs'|'\.\/x\.js'/),
    ["1:19 './x.js'", "2:16 'fs'"],
  ],
  failed_to_build_unknown: [
    () =>
      built(
        "\nconst early = (): never => { throw new Error('too early'); };\nearly();\nexport default {};\n",
        /cannot be loaded: Error: too early/,
      ),
    ['2:36 cannot be loaded: Error: too early'],
  ],
};

/** Codes of theirs that nothing here has, and what is said instead. */
const OTHERWISE: Readonly<Record<string, readonly [Case, Found]>> = {
  // A union or an object that cannot be read is said of the type in it that cannot.
  failed_to_parse_union: [() => model('A: { x: "string | Map<a>" }'), ['2:19 type_syntax_error']],
  failed_to_parse_object: [() => model('A: { x: { y: "Map<a>" } }'), ['2:24 type_syntax_error']],
  // A model that is only a text is one like any other.
  model_is_literal: [() => model('A: open'), ['2:14 model_not_found_fallback']],
  // Which of the two it is says the message.
  sync_interval_too_short: [() => v2('syncs: { x: { runs: every 10s, output: Task } }'), ['1:42 invalid_runs']],
  sync_interval_invalid: [() => v2('syncs: { x: { runs: every moon, output: Task } }'), ['1:42 invalid_runs']],
};

const OURS: Readonly<Record<string, readonly [Case, Found]>> = {
  invalid_script_name: [() => v2('actions: { "y z": {} }', 'A: string'), ['1:33 invalid_script_name']],
  invalid_endpoint: [() => v2('actions: { x: { endpoint: { path: t }, output: Task } }'), ['1:48 invalid_endpoint']],
  invalid_entry: [() => shown(readIndex("import 'zod';\nimport './x.js';\n").mistakes), ['2:1 invalid_entry']],
  track_deletes_incremental: [
    () => v2('syncs: { x: { runs: every hour, output: Task, sync_type: incremental, track_deletes: true } }'),
    ['1:92 track_deletes_incremental'],
  ],
  deletion_out_of_order: [() => rules("await nango.trackDeletesStart('Task');"), ['2:7 deletion_out_of_order']],
  merging_strategy_out_of_order: [
    () =>
      rules("await nango.batchSave([], 'Task');\nawait nango.setMergingStrategy({ strategy: 'override' }, 'Task');"),
    ['3:7 merging_strategy_out_of_order'],
  ],
  forbidden_in_action: [() => rules("await nango.batchSave([], 'Task');", 'action'), ['2:7 forbidden_in_action']],
  checkpoint_invalid: [
    () =>
      zero({
        schemas: {
          'model:Task': { type: 'object', properties: { id: { type: 'string' } } },
          checkpoint: { type: 'array' },
        },
      }),
    ['3:28 checkpoint_invalid'],
  ],
  auto_start_missing: [
    () => zero({ properties: { type: 'sync', frequency: 'every hour' } }),
    ['2:16 auto_start_missing'],
  ],
  model_name_plural: [() => model('A: { x: Tasks }, Tasks: { id: string }'), ['2:28 model_name_plural']],
  model_unused: [() => model('A: { x: string }, B: { id: string }'), ['2:29 model_unused']],
  console_used: [
    () =>
      shown(
        checkRules({ file: 'a.ts', text: 'export default () => {\nconsole.log(1); };', kind: 'action', version: 'v2' })
          .warnings,
      ),
    ['2:1 console_used'],
  ],
};

test.each(Object.entries({ ...THEIRS, ...OTHERWISE, ...OURS }))('%s', async (_code, [find, expected]) => {
  expect(await find()).toEqual(expected);
});

/** Words with underscores in the sources of the room that are no codes of mistakes. */
const NO_CODES = [
  'track_deletes',
  'auto_start',
  'sync_type',
  'ignore_if_modified_after',
  'manifest_invalid',
  'record_invalid',
];

test('every code in the sources is in the tables above', async () => {
  const files = (await readdir(MANIFEST)).filter((name) => name.endsWith('.ts'));
  const texts = await Promise.all(files.map((name) => readFile(join(MANIFEST, name), 'utf8')));
  const words = new Set(texts.flatMap((text) => [...text.matchAll(/'([a-z]+(?:_[a-z]+)+)'/g)].map(([, word]) => word)));
  const known = [...Object.keys({ ...THEIRS, ...OTHERWISE, ...OURS }), ...NO_CODES];
  expect([...words].filter((word) => !known.includes(word ?? ''))).toEqual([]);
});
