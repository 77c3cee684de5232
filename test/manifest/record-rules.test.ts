import { expect, test } from '@jest/globals';
import { cleanJsonText, lastOfEachId, recordId, withoutMetadata } from '../../manifest/record-rules.ts';

test.each([
  ['7', '7'],
  [7, '7'],
  [0, '0'],
  [-0, '0'],
  [1.5, '1.5'],
  [' a ', ' a '],
  ['a\u0000b', 'ab'],
  ['a\ud800b', 'a\ufffdb'],
  ['😀'.repeat(255), '😀'.repeat(255)],
])('the id %p is the text %p', (value, id) => {
  expect(recordId(value)).toEqual({ id });
});

test.each([
  [undefined, 'is missing: expected a text or a number'],
  [null, 'is null: expected a text or a number'],
  [true, 'is of type boolean: expected a text or a number'],
  [1n, 'is of type bigint: expected a text or a number'],
  [{}, 'is of type object: expected a text or a number'],
  [['a'], 'is a list: expected a text or a number'],
  [Number.NaN, 'is NaN: expected a finite number'],
  [Number.POSITIVE_INFINITY, 'is Infinity: expected a finite number'],
  ['', 'is empty: expected at least one character'],
  ['\u0000', 'is empty: expected at least one character'],
  ['x'.repeat(256), 'has more than 255 characters: expected a shorter id'],
  ['x'.repeat(1_000_000), 'has more than 255 characters: expected a shorter id'],
])('the id %# is refused, saying what it is', (value, fault) => {
  expect(recordId(value)).toEqual({ fault });
});

test('NULs do not count towards the length of an id', () => {
  expect(recordId(`${'x'.repeat(255)}\u0000`)).toEqual({ id: 'x'.repeat(255) });
});

test('of equal ids in a batch the last row counts, and the rest keeps its order', () => {
  expect(lastOfEachId(['a', 'b', 'a', 'c', 'b', 'a'])).toEqual({ positions: [3, 4, 5], duplicates: ['a', 'b'] });
  expect(lastOfEachId(['b', 'a'])).toEqual({ positions: [0, 1], duplicates: [] });
  expect(lastOfEachId([])).toEqual({ positions: [], duplicates: [] });
});

test('metadata of an earlier read is not saved back, and the row itself stays untouched', () => {
  const row = { id: '1', _nango_metadata: { cursor: 'x' } };
  expect(withoutMetadata(row)).toEqual({ id: '1' });
  expect(row._nango_metadata).toEqual({ cursor: 'x' });
});

test.each([
  ['a NUL', String.raw`{"a":"x\u0000y"}`, '{"a":"xy"}'],
  ['a NUL in a key', String.raw`{"a\u0000":1}`, '{"a":1}'],
  ['a backslash before u0000', String.raw`{"a":"\\u0000"}`, String.raw`{"a":"\\u0000"}`],
  ['a backslash and a NUL', String.raw`{"a":"\\\u0000"}`, String.raw`{"a":"\\"}`],
  ['two backslashes before u0000', String.raw`{"a":"\\\\u0000"}`, String.raw`{"a":"\\\\u0000"}`],
  ['a lone high surrogate', String.raw`{"a":"\ud83dx"}`, String.raw`{"a":"\ufffdx"}`],
  ['a lone low surrogate', String.raw`{"a":"\uDE00"}`, String.raw`{"a":"\ufffd"}`],
  ['surrogates in the wrong order', String.raw`{"a":"\ude00\ud83d"}`, String.raw`{"a":"\ufffd\ufffd"}`],
  ['high, then a pair', String.raw`{"a":"\ud83d\ud83d\ude00"}`, String.raw`{"a":"\ufffd\ud83d\ude00"}`],
  ['a pair', String.raw`{"a":"\uD83D\uDE00"}`, String.raw`{"a":"\uD83D\uDE00"}`],
  ['a backslash before a surrogate', String.raw`{"a":"\\ud83d"}`, String.raw`{"a":"\\ud83d"}`],
  ['a raw lone surrogate', '{"a":"\ud83d"}', '{"a":"\ufffd"}'],
  ['other escapes', String.raw`{"a":"\n\"\u00e9\u0001\/"}`, String.raw`{"a":"\n\"\u00e9\u0001\/"}`],
  ['a long number', String.raw`{"n":12345678901234567890.10,"a":"\u0000"}`, '{"n":12345678901234567890.10,"a":""}'],
])('JSON text with %s becomes text that Postgres takes', (_what, text, expected) => {
  expect(cleanJsonText(text)).toBe(expected);
});

test('for any text, cleaning the JSON equals cleaning the value', () => {
  const pieces = ['\\', 'u0000', '\u0000', '\ud83d', '\ude00', '😀', '"', 'a', '\n', 'ud800'];
  for (let seed = 0; seed < 3_000; seed += 1) {
    const value = Array.from(
      { length: 6 },
      (_, place) => pieces[(seed * 7 + place * place * (seed % 13) + (seed >> place)) % pieces.length],
    ).join('');
    // A NUL between two halves separates them, so surrogates are judged before NULs go.
    expect(JSON.parse(cleanJsonText(JSON.stringify(value)))).toBe(value.toWellFormed().replaceAll('\u0000', ''));
  }
});
