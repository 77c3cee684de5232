import { expect, test } from '@jest/globals';
import { checkRules } from '../../manifest/rules.ts';

type Kind = 'sync' | 'action' | 'on-event';
function judged(body: string, kind: Kind = 'sync', version: 'v1' | 'v2' | 'zero-yaml' = 'v2') {
  const text = `export default async function run(nango: NangoSync, input: any) {\n${body}\n}\n`;
  const { mistakes, warnings } = checkRules({ file: 'a.ts', text, kind, version });
  const short = (list: typeof mistakes) => list.map(({ line, column, code }) => `${line}:${column} ${code}`);
  return { mistakes: short(mistakes), warnings: short(warnings) };
}

test.each([
  ["nango.batchSave(rows, 'Task');", ['2:1 method_need_await']],
  ["  (nango as any).get({ endpoint: '/a' });", ['2:3 method_need_await']],
  ['const name = nango.getConnection().connection_id;', ['2:14 method_need_await']],
  ["nango.log('a');", ['2:1 method_need_await']],
  ["input && nango.batchSave([], 'Task');", ['2:10 method_need_await']],
  ["nango['post']({ endpoint: '/a' });", ['2:1 method_need_await']],
  ["await nango.batchSave(rows, 'Task');", []],
  ["return nango.get({ endpoint: '/a' });", []],
  ["void nango.log('meant');", []],
  ["const page = nango.get({ endpoint: '/a' }); await page;", []],
  ["await Promise.all([nango.get({ endpoint: '/a' }), nango.get({ endpoint: '/b' })]);", []],
  ["nango.get({ endpoint: '/a' }).then((page) => page).catch(() => 0);", []],
  ['rows.map((row) => nango.post({ endpoint: row }));', []],
  ['// nango.batchSave(rows, \'Task\');\nconst text = "nango.get({})";', []],
  ['other.get({});', []],
])('%s: calls that are dropped have to be awaited', (body, mistakes) => {
  expect(judged(body).mistakes).toEqual(mistakes);
});

const ALWAYS_AWAITED = [
  ...['batchSave', 'batchDelete', 'batchSend', 'get', 'post', 'put', 'patch', 'delete', 'proxy', 'getConnection'],
  ...['getMetadata', 'setMetadata', 'log', 'getEnvironmentVariables', 'setMergingStrategy', 'triggerAction'],
  ...['getFieldMapping', 'setFieldMapping', 'trackDeletesStart', 'trackDeletesEnd'],
  'deleteRecordsFromPreviousExecutions',
];
test.each(ALWAYS_AWAITED)('nango.%s that is dropped is a mistake, awaited or returned it is none', (member) => {
  const call = `nango.${member}('Task')`;
  const found = (body: string) => judged(body).mistakes.filter((mistake) => mistake.endsWith('method_need_await'));
  expect(found(`${call};`)).toEqual(['2:1 method_need_await']);
  expect([...found(`await ${call};`), ...found(`return ${call};`)]).toEqual([]);
});

test.each(['paginate', 'listRecords', 'setLogger', 'getFlowAttributes', 'ActionError'])(
  'nango.%s is no promise and need not be awaited',
  (member) => {
    expect(judged(`nango.${member}('Task');`).mistakes).toEqual([]);
  },
);

test('the rules follow nango under any name', () => {
  const check = (text: string) =>
    checkRules({ file: 'a.ts', text, kind: 'sync', version: 'zero-yaml' }).mistakes.length;
  expect(check("export default async (n) => { n.get({ endpoint: '/a' }); };")).toBe(1);
  expect(check("const s = createSync({ exec: async (api) => { api.batchSave([], 'T'); } }); export default s;")).toBe(
    1,
  );
  expect(check("async function save(client: NangoSyncLocal) { client.batchSave([], 'T'); }")).toBe(1);
  expect(check("async function save(client: Map<string, string>) { client.get('T'); }")).toBe(0);
});

test('in a v1 project a log line that is not awaited is only a warning', () => {
  expect(judged("nango.log('a');", 'sync', 'v1')).toEqual({ mistakes: [], warnings: ['2:1 method_need_await'] });
});

test('in a v1 project retryOn without retries is only a warning', () => {
  expect(judged("await nango.get({ endpoint: '/a', retryOn: [404] });", 'sync', 'v1')).toEqual({
    mistakes: [],
    warnings: ['2:35 retryon_need_retries'],
  });
});

test.each([
  ["await nango.get({ endpoint: '/a', retryOn: [404] });", ['2:35 retryon_need_retries']],
  ["await nango.get({ endpoint: '/a', retryOn: [404], retries: 3 });", []],
  ['await nango.get({ ...config, retryOn: [404] });', []],
  ["await nango.get({ endpoint: '/a', retryOn: null });", []],
])('%s: retryOn needs retries', (body, mistakes) => {
  expect(judged(body).mistakes).toEqual(mistakes);
});

test.each<[Kind, string[]]>([
  ['action', ['2:7 forbidden_in_action']],
  ['on-event', ['2:7 forbidden_in_action']],
  ['sync', []],
])('an %s and records', (kind, mistakes) => {
  expect(judged("await nango.batchSave([], 'Task');", kind).mistakes).toEqual(mistakes);
});

test.each(['batchSend', 'batchSave', 'batchDelete', 'batchUpdate', 'listRecords', 'getRecordsByIds'])(
  'an action that calls nango.%s is told at compile time',
  (member) => {
    expect(judged(`await nango.${member}([], 'Task');`, 'action').mistakes).toEqual(['2:7 forbidden_in_action']);
  },
);

test.each(['get', 'post', 'put', 'patch', 'delete', 'proxy', 'paginate'])(
  'retryOn without retries is found in nango.%s',
  (member) => {
    const body = `for (const page of await nango.${member}({ endpoint: '/a', retryOn: [404] })) page;`;
    expect(judged(body).mistakes.map((mistake) => mistake.split(' ')[1])).toEqual(['retryon_need_retries']);
  },
);

const START = "await nango.trackDeletesStart('Task');";
const SAVE = "await nango.batchSave(rows, 'Task');";
const END = "await nango.trackDeletesEnd('Task');";
const PREVIOUS = "await nango.deleteRecordsFromPreviousExecutions('Task');";
test.each([
  ['in order', [START, SAVE, END], []],
  ['a start after a save', [SAVE, START, END], ['3:7 deletion_out_of_order']],
  ['an end before a save', [START, END, SAVE], ['3:7 deletion_out_of_order']],
  ['an end before its start', [END, START], ['2:7 deletion_out_of_order']],
  ['no end', [START, SAVE], ['2:7 deletion_out_of_order']],
  ['no start', [SAVE, END], ['3:7 deletion_out_of_order']],
  ['two starts', [START, START, SAVE, END], ['3:7 deletion_out_of_order']],
  ['another model in between', [START, SAVE, END, "await nango.batchSave([], 'Person');"], []],
  [
    'a helper above that is called below',
    ["const save = async () => { await nango.batchSave([], 'Task'); };", START, 'await save();', END],
    [],
  ],
  ['a computed model', ['await nango.trackDeletesStart(input);'], []],
  ['the old call at the end', [SAVE, PREVIOUS], []],
  ['the old call too early', [PREVIOUS, SAVE], ['2:7 deletion_out_of_order']],
  ['the old call twice', [SAVE, PREVIOUS, PREVIOUS], ['4:7 deletion_out_of_order']],
  [
    'merging chosen late',
    [SAVE, "await nango.setMergingStrategy({ strategy: 'override' }, 'Task');"],
    ['3:7 merging_strategy_out_of_order'],
  ],
])('deletion calls: %s', (_what, lines, mistakes) => {
  expect(judged(lines.join('\n')).mistakes).toEqual(mistakes);
});

test('calls in a function written in place are where it stands', () => {
  const body = [
    "await nango.trackDeletesEnd('Task');",
    "await Promise.all(pages.map(async (page) => nango.batchSave(page, 'Task')));",
  ];
  expect(judged(["await nango.trackDeletesStart('Task');", ...body].join('\n')).mistakes).toEqual([
    '3:7 deletion_out_of_order',
  ]);
});

test('console is warned of, createFunction refused', () => {
  expect(judged("console.log('a');").warnings).toEqual(['2:1 console_used']);
  const text = "import { createFunction } from 'nango/experimental';\nexport default createFunction({});";
  expect(checkRules({ file: 'a.ts', text, kind: 'action', version: 'zero-yaml' }).mistakes[0]).toMatchObject({
    line: 2,
    code: 'nango_unsupported_export',
  });
});

test('texts of a file are its literals and the keys it returns', () => {
  const text =
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the script's own.
    "const model = 'Task'; export default () => { return { Person: [] }; }; const x = { Other: `Tem${1}plate`, no: 'two words' };";
  const { texts } = checkRules({ file: 'a.ts', text, kind: 'sync', version: 'v2' });
  expect(texts.toSorted()).toEqual(['Person', 'Task', 'Tem', 'plate']);
});

test('a file that does not parse is left to the bundler', () => {
  expect(checkRules({ file: 'a.ts', text: 'export default (', kind: undefined, version: 'v2' })).toEqual({
    mistakes: [],
    warnings: [],
    texts: [],
  });
});
