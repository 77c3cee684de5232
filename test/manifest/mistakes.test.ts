import { expect, test } from '@jest/globals';
import { EngineError } from '../../contract/failures.ts';
import { parseManifest } from '../../manifest/parse.ts';

function mistakesOf(text: string): readonly string[] {
  try {
    parseManifest(text, 'nango.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(EngineError);
    expect(error).toMatchObject({ code: 'manifest_invalid' });
    return (error as EngineError).details.mistakes ?? [];
  }
  return [];
}

const SYNC = 'runs: every hour, returns: Task';
const sync = (keys: string, models = 'Task: { id: string }') =>
  `integrations: { a: { x: { ${keys} } } }\nmodels: { ${models} }`;
const models = (text: string) => `integrations: {}\nmodels:\n${text}`;

test.each([
  ['an empty file', '', "1:1: 'nango.yaml' is empty: expected 'integrations:' and 'models:'"],
  ['a file of comments', '# nothing\n', "1:1: 'nango.yaml' is empty: expected 'integrations:' and 'models:'"],
  ['a list at the top', '\n- a\n', "2:1: 'nango.yaml' is a list: expected a mapping (indented 'name:' lines)"],
  ['a text at the top', 'hello', "1:1: 'nango.yaml' is 'hello': expected a mapping (indented 'name:' lines)"],
  [
    'no integrations',
    'models: {}',
    "1:1: 'nango.yaml' has no 'integrations:': expected a mapping of integrations to their scripts",
  ],
  [
    'integrations that are a list',
    'integrations:\n  - a',
    "2:3: 'integrations' is a list: expected a mapping (indented 'name:' lines)",
  ],
  [
    'an integration without scripts',
    'integrations:\n  a:\n',
    "2:5: integration 'a' is empty: expected a mapping (indented 'name:' lines)",
  ],
  [
    'a script that is a text',
    'integrations: { a: { x: sync } }',
    "1:25: script 'x' is 'sync': expected a mapping (indented 'name:' lines)",
  ],
  [
    'models that are a text',
    'integrations: {}\nmodels: Task',
    "2:9: 'models' is 'Task': expected a mapping (indented 'name:' lines)",
  ],
  ['tabs', 'integrations:\n\ta: {}', '2:1: not valid YAML: Tabs are not allowed as indentation: expected spaces'],
  [
    'a key given twice',
    'integrations: {}\nmodels: {}\nmodels: {}',
    "3:1: key 'models' is given twice: expected once (first on line 2)",
  ],
  ['an unknown alias', 'integrations: *all', "1:15: alias '*all': expected an anchor '&all' in this file"],
  [
    'a merge key',
    'integrations: { a: { <<: 1 } }',
    "1:22: merge key '<<': expected the keys themselves; in models, '__extends: <Model>'",
  ],
  [
    'an integration with a slash',
    'integrations: { a/b: {} }',
    "1:17: integration 'a/b': expected an id without slashes, control characters or spaces around it",
  ],
  [
    'a script name that is no file name',
    'integrations: { a: { ../x: {} } }',
    "1:22: script name '../x': expected letters, digits, '-' and '_', since it names the file '<script>.ts'",
  ],
  ['an unknown type', sync('type: cron'), "1:33: type of 'x' is 'cron': expected 'sync' or 'action'"],
  [
    'no runs',
    sync('returns: Task'),
    "1:22: sync 'x' has no 'runs': expected how often it runs, for example 'runs: every 30min'",
  ],
  [
    'a short frequency',
    sync('runs: every 2min, returns: Task'),
    "1:33: sync 'x' runs 'every 2min': the shortest frequency is 5min",
  ],
  [
    'no returns',
    sync('runs: every hour'),
    "1:22: sync 'x' has no 'returns': expected the model it saves, for example 'returns: Task'",
  ],
  [
    'empty returns',
    sync('runs: every hour, returns: []'),
    "1:45: returns of sync 'x' is an empty list: expected at least one model",
  ],
  [
    'a missing model',
    sync('runs: every hour, returns: [Tsk]'),
    "1:55: returns of sync 'x' 'Tsk': expected the name of a model listed under 'models:'",
  ],
  [
    'a model without id',
    sync(SYNC, 'Task: { x: string }'),
    "1:54: returns of sync 'x' 'Task': expected a model with a field 'id' (string or number), by which its records are told apart",
  ],
  [
    'a word for a truth',
    sync(`${SYNC}, auto_start: maybe`),
    "1:72: auto_start of 'x' is 'maybe': expected 'true' or 'false'",
  ],
  [
    'a description that is a list',
    sync(`${SYNC}, description: [a]`),
    "1:73: description of 'x' is a list: expected a text",
  ],
  [
    'a version that is none',
    sync(`${SYNC}, version: latest`),
    "1:69: version of 'x' 'latest': expected a whole number or a version such as '1.0.0'",
  ],
  [
    'an unknown model in an action',
    sync('type: action, returns: Tsk'),
    "1:50: returns of action 'x' 'Tsk': expected a type or the name of a model",
  ],
  [
    'a model name with a dash',
    models('  a-b: { id: string }'),
    "3:3: model name 'a-b': expected letters, digits and '_', not beginning with a digit",
  ],
  [
    'a model name that models.ts needs',
    models('  NangoSync: { id: string }'),
    "3:3: model name 'NangoSync': expected another name, since models.ts needs this one for something else",
  ],
  [
    'a generic type',
    models('  A:\n    b: string | Promise<A>'),
    "4:24: field 'b' of model 'A' 'string | Promise<A>': generic types are not part of the model language; expected 'T[]' for a list, '__string: T' for a record",
  ],
  [
    'a field without type',
    models('  A:\n    b:'),
    "4:7: field 'b' of model 'A' is empty: expected a type, for example 'string', 'Task[]' or 'string | null'",
  ],
  [
    'an unknown parent',
    models('  A: { __extends: B }'),
    "3:19: __extends of model 'A' 'B': expected the name of a model of this file",
  ],
  [
    'a parent without fields',
    models('  A: { __extends: B }\n  B: string'),
    "3:19: __extends of model 'A' 'B': expected a model with fields",
  ],
  [
    'a model that inherits from itself',
    models('  A: { __extends: A }'),
    "3:19: __extends 'A': expected no model that inherits from itself, and at most 50 generations",
  ],
  [
    'a model that is itself',
    models('  A: A | null'),
    "3:3: model 'A' is defined by itself: expected a mapping of fields or a list in between",
  ],
])('%s is one mistake with its place and what is expected', (_what, text, mistake) => {
  expect(mistakesOf(text)).toEqual([`nango.yaml:${mistake}`]);
});

test('all mistakes are reported at once, in the order of the file', () => {
  const mistakes = mistakesOf(
    'integrations:\n  a:\n    x: { returns: Nope }\n    y: { runs: 5min, returns: Task }\nmodels:\n  Task: { id: "", n: Map<a> }\n',
  );
  expect(mistakes.map((mistake) => mistake.split(': ')[0])).toEqual([
    'nango.yaml:3:5',
    'nango.yaml:3:19',
    'nango.yaml:4:16',
    'nango.yaml:6:15',
    'nango.yaml:6:25',
  ]);
});

test('the message counts the mistakes and shows the first', () => {
  expect(() => parseManifest('- a', 'nango.yaml')).toThrow(
    "'nango.yaml' has 1 mistake: nango.yaml:1:1: 'nango.yaml' is a list",
  );
  expect(() => parseManifest('integrations: 1\nmodels: 2', 'nango.yaml')).toThrow("'nango.yaml' has 2 mistakes:");
});

const TEN = (name: string) => `[${Array(10).fill(`*${name}`).join(', ')}]`;
test.each([
  ['brackets without end', '['.repeat(20_000)],
  ['mappings without end', '{a: '.repeat(20_000)],
  ['levels without end', Array.from({ length: 3_000 }, (_, level) => `${' '.repeat(level)}a:\n`).join('')],
  [
    'aliases of aliases',
    models(
      `  A: &a { x: string }\n${'abcdefgh'
        .split('')
        .slice(1)
        .map((name, i) => `  ${name.toUpperCase()}: &${name} ${TEN('abcdefgh'[i] ?? 'a')}`)
        .join('\n')}`,
    ),
  ],
  ['an alias inside itself', 'integrations: &i { a: *i }\nmodels: &m { A: *m }'],
  [
    'inheritance of wide models',
    models(
      `  M0: { ${Array.from({ length: 2_000 }, (_, i) => `f${i}: string`).join(', ')} }\n${Array.from({ length: 2_000 }, (_, i) => `  M${i + 1}: { __extends: M0 }`).join('\n')}`,
    ),
  ],
  ['two million characters', `integrations: {}\n# ${'x'.repeat(2_000_000)}`],
])('%s: refused with a place, without a hang', (_what, text) => {
  const began = process.hrtime.bigint();
  const mistakes = mistakesOf(text);
  expect(mistakes.length).toBeGreaterThan(0);
  for (const mistake of mistakes) expect(mistake).toMatch(/^nango\.yaml:[1-9]\d*:[1-9]\d*: /);
  expect(Number(process.hrtime.bigint() - began) / 1e6).toBeLessThan(5_000);
});
