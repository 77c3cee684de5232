import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { bundleOf } from '../../api/bundle.ts';
import { closeMatches } from '../../api/close-matches.ts';
import { decodeCursor } from '../../api/cursor.ts';
import { jsonFault } from '../../api/json-value.ts';
import { pageJson } from '../../api/record-json.ts';
import { compileScript, packForDeploy } from '../../sandbox/compile.ts';
import { statusOf } from '../../api/sync-status.ts';
import { encodeCursor } from '../../store/record-cursor.ts';
import type { RecordRow } from '../../store/record-reads.ts';

const row = (seq: string, payload: string): RecordRow => ({
  seq,
  payload,
  lastAction: 'ADDED',
  firstSeenAt: '2026-01-01 00:00:00+00',
  lastModifiedAt: '2026-01-01 00:00:00.00002+00',
  deletedAt: null,
  prunedAt: null,
});

test('a cursor is opaque text that decodes to its position', () => {
  expect(decodeCursor(encodeCursor('9007199254740993'))).toBe('9007199254740993');
  expect(encodeCursor('7')).toMatch(/^[\w-]+$/);
});

test.each([
  'x',
  '7',
  Buffer.from('1:-1').toString('base64url'),
  Buffer.from('1:1e9').toString('base64url'),
  Buffer.from('1:99999999999999999999').toString('base64url'),
  Buffer.from('2:7').toString('base64url'),
  `${encodeCursor('7')}=`,
  Buffer.from('2026-01-01T00:00:00.000000Z||0b2c').toString('base64'),
])('%j is no cursor', (text) => {
  expect(() => decodeCursor(text)).toThrow(expect.objectContaining({ code: 'invalid_query_params' }));
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
const page = (rows: readonly RecordRow[], limit: number) => collect(pageJson([rows], limit));

test('a page is the payloads as they are, each with its metadata', async () => {
  const rows = [row('1', '{"id": "a", "n": 1.50}'), row('2', '{}'), row('3', '{}')];
  const text = (await page(rows, 2)).join('');
  expect(text).toContain('"n": 1.50,"_nango_metadata"');
  expect(JSON.parse(text)).toMatchObject({
    records: [
      {
        id: 'a',
        _nango_metadata: {
          first_seen_at: '2026-01-01T00:00:00.000000+00:00',
          last_modified_at: '2026-01-01T00:00:00.000020+00:00',
          last_action: 'ADDED',
          deleted_at: null,
          pruned_at: null,
          cursor: encodeCursor('1'),
        },
      },
      { _nango_metadata: {} },
    ],
    next_cursor: encodeCursor('2'),
  });
});

test('metadata that a payload carries itself does not win', async () => {
  const text = (await page([row('1', '{"_nango_metadata": 7}')], 9)).join('');
  expect(JSON.parse(text).records[0]._nango_metadata.last_action).toBe('ADDED');
});

test('a large page comes in chunks that join to one JSON text', async () => {
  const rows = Array.from({ length: 500 }, (_, index) =>
    row(String(index), JSON.stringify({ id: index, text: 'x'.repeat(500) })),
  );
  const chunks = await page(rows, 500);
  expect(chunks.length).toBeGreaterThan(3);
  expect(JSON.parse(chunks.join('')).records).toHaveLength(500);
  expect((await page([], 5)).join('')).toBe('{"records":[],"next_cursor":null}');
});

test.each([
  ['asanna', ['asana']],
  ['SLACK', ['slack']],
  ['git', ['github']],
  ['nothing-like-it', []],
])('names close to %s are %j', (name, expected) => {
  expect(closeMatches(name, ['asana', 'slack', 'github', 'discord'])).toEqual(expected);
});

test('a value for jsonb has no NUL and no bottomless nesting, and looking never overflows', () => {
  expect(jsonFault({ a: [1, 'x', null, { b: true }], c: '\\u0000' })).toBeUndefined();
  expect(jsonFault({ a: [{ b: 'x\u0000' }] })).toContain('NUL');
  expect(jsonFault({ 'a\u0000': 1 })).toContain('NUL');
  let deep: unknown = [];
  for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
  expect(jsonFault(deep)).toContain('nesting');
});

const NO_MAP = '{"version":3,"sources":[],"names":[],"mappings":""}';
const inlined = (map: string) =>
  `code();\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString('base64')}\n`;

test('an inline source map is taken out of the code and changes its hash in no way', () => {
  const map = JSON.stringify({ version: 3, sources: ['a.ts'], mappings: '' });
  const bundle = bundleOf({ js: inlined(map), file: 'a.ts' });
  expect(bundle).toMatchObject({ code: 'code();\n', sourceMap: map, file: 'a.ts' });
  expect(bundle.hash).toBe(bundleOf({ js: 'code();\n', file: 'a.ts' }).hash);
  expect(bundle.hash).not.toBe(bundleOf({ js: 'code(1);', file: 'a.ts' }).hash);
});

test('code without a readable source map is kept whole', () => {
  expect(bundleOf({ js: 'code();', file: 'a.ts' })).toMatchObject({ code: 'code();', sourceMap: NO_MAP });
  expect(bundleOf({ js: inlined('not json'), file: 'a.ts' })).toMatchObject({ code: 'code();\n', sourceMap: NO_MAP });
  const quoted = `const text = '//# sourceMappingURL=data:application/json;base64,e30=';\nmore();`;
  expect(bundleOf({ js: quoted, file: 'a.ts' })).toMatchObject({ code: quoted, sourceMap: NO_MAP });
});

test.each([
  [false, undefined, 'STOPPED'],
  [true, undefined, 'PAUSED'],
  [false, 'queued', 'RUNNING'],
  [true, 'running', 'RUNNING'],
  [false, 'waiting', 'WAITING'],
  [false, 'success', 'SUCCESS'],
  [true, 'success', 'PAUSED'],
  [false, 'failed', 'ERROR'],
  [false, 'cancelled', 'STOPPED'],
] as const)('a sync (paused: %s) whose newest run is %s is %s', (paused, state, status) => {
  expect(statusOf({ paused }, state && { state, control: null })).toBe(status);
});

test('a sync whose run is suspended by a pause is paused, and runs until the pause has taken effect', () => {
  expect(statusOf({ paused: true }, { state: 'waiting', control: 'pause' })).toBe('PAUSED');
  expect(statusOf({ paused: true }, { state: 'running', control: 'pause' })).toBe('RUNNING');
});

test('what the command line packs arrives as the bundle it compiled', async () => {
  const root = await mkdtemp(join(tmpdir(), 'nango-pack-'));
  await writeFile(
    join(root, 'tasks.ts'),
    'export default async function fetchData(nango: any) { await nango.log("x"); }\n',
  );
  const { inputs: _, ...compiled } = await compileScript({ root, file: 'tasks.ts' });
  await rm(root, { recursive: true });
  expect(bundleOf({ js: packForDeploy(compiled), file: 'tasks.ts' })).toEqual(compiled);
});
