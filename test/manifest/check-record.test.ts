import { expect, test } from '@jest/globals';
import { checkRecord } from '../../manifest/check-record.ts';
import { parseManifest } from '../../manifest/parse.ts';

const { models } = parseManifest(
  `integrations: {}
models:
  Task:
    id: string
    count: integer
    state: "'open' | 'closed'"
    due: date | null
    note?: string
    maybe: string | undefined
    owner: Person
    tags: string[]
    parts: [{ size: number }]
  Person:
    id: string | number
    boss?: Person | null
    __string: boolean
`,
  'nango.yaml',
).manifest;

const TASK = {
  id: '1',
  count: 2,
  state: 'open',
  due: '2026-11-03T10:00:00Z',
  owner: { id: 5, active: true },
  tags: ['a'],
  parts: [{ size: 1 }],
};
const check = (value: unknown) => checkRecord(value, { kind: 'model', name: 'Task' }, models);

test.each([
  ['as declared', {}],
  ['with a Date', { due: new Date(0) }],
  ['with null where null is allowed', { due: null }],
  ['with optional fields', { note: 'n', maybe: 'm' }],
  ['with optional fields undefined', { note: undefined, maybe: undefined }],
  ['with a key the model does not name', { extra: 1 }],
  ['with a model inside itself', { owner: { id: 1, boss: { id: 2, boss: null } } }],
])('a record %s fits', (_what, change) => {
  expect(check({ ...TASK, ...change })).toEqual([]);
});

test.each([
  [{ id: 1 }, 'id', 'string', '1'],
  [{ id: undefined }, 'id', 'string', 'missing'],
  [{ count: '2' }, 'count', 'number', '"2"'],
  [{ count: Number.NaN }, 'count', 'number', 'NaN'],
  [{ state: 'ajar' }, 'state', '"open" | "closed"', '"ajar"'],
  [{ due: 'soon' }, 'due', 'Date | string | null', '"soon"'],
  [{ due: new Date(Number.NaN) }, 'due', 'Date | string | null', 'an object'],
  [{ note: null }, 'note', 'string', 'null'],
  [
    { owner: [] },
    'owner',
    '{ id: string | number; boss?: Person | null | undefined; [key: string]: boolean | string | number | Person | null | undefined; }',
    'a list',
  ],
  [{ owner: { id: 1, 'is-on': 'y' } }, 'owner["is-on"]', 'boolean', '"y"'],
  [{ tags: ['a', 2] }, 'tags[1]', 'string', '2'],
  [{ tags: 'a' }, 'tags', 'string[]', '"a"'],
  [{ parts: [{ size: 1 }, {}] }, 'parts[1].size', 'number', 'missing'],
  [{ id: 5, note: 'x'.repeat(100) }, 'id', 'string', '5'],
])('%p differs at its path', (change, path, expected, got) => {
  expect(check({ ...TASK, ...change })).toEqual([{ path, expected, got }]);
});

test('every difference is listed, and a record that is none is one difference', () => {
  expect(check({}).map((difference) => difference.path)).toEqual([
    'id',
    'count',
    'state',
    'due',
    'owner',
    'tags',
    'parts',
  ]);
  expect(check(null)).toEqual([expect.objectContaining({ path: '', got: 'null' })]);
});

test('inherited properties do not count as fields', () => {
  const text = { kind: 'primitive', name: 'string' } as const;
  const type = { kind: 'object', fields: [{ name: 'toString', type: text, optional: true }] } as const;
  expect(checkRecord({}, type, [])).toEqual([]);
});
