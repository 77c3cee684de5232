import { expect, test } from '@jest/globals';
import { parseType } from '../../manifest/model.ts';
import { printType } from '../../manifest/typegen.ts';

const isModel = (name: string) => name === 'Task' || name === 'open';

function print(text: string): string {
  const parsed = parseType(text, isModel);
  return 'fault' in parsed ? `fault at ${parsed.offset}: ${parsed.fault}` : printType(parsed.type);
}

test.each([
  ['string', 'string'],
  ['bool', 'boolean'],
  ['integer', 'number'],
  ['float', 'number'],
  ['varchar', 'string'],
  ['char', 'string'],
  ['int', 'number'],
  ...['number', 'boolean', 'bigint', 'any', 'null', 'undefined', 'void', 'never', 'false'].map((word) => [word, word]),
  ['date', 'Date | string'],
  ['Date', 'Date | string'],
  ['object', 'Record<string, any>'],
  ['array', 'any[]'],
  ['true', 'true'],
  ['42', '42'],
  ['-1.5', '-1.5'],
  ['Task', 'Task'],
  ['Task[]', 'Task[]'],
  ['Task [ ]', 'Task[]'],
  ['string[][]', 'string[][]'],
  ['date[]', '(Date | string)[]'],
  ['string | null', 'string | null'],
  ['string|null|undefined', 'string | null | undefined'],
  ['Task | true[]', 'Task | true[]'],
  ['(string | number)[]', '(string | number)[]'],
  ['string | (string | null)', 'string | null'],
  ['\'in progress\' | "done"', '"in progress" | "done"'],
  ["'Task'", '"Task"'],
  ['open | closed', 'open | "closed"'],
  ['pt-BR | urn:x', '"pt-BR" | "urn:x"'],
])('U076: %s means %s', (text, expected) => {
  expect(print(text)).toBe(expected);
});

test('words that are neither types nor models are reported as the literals they become', () => {
  expect(parseType('open | closed | string | on hold', isModel)).toMatchObject({ literals: ['closed', 'on hold'] });
});

test.each([
  ['', 'fault at 0: expected a type'],
  ['string |', 'fault at 8: expected a type'],
  ['| string', "fault at 0: expected a type before '|'"],
  ['(string', "fault at 7: expected ')'"],
  ['string)', "fault at 6: ')' was not expected here"],
  ['string null', '"string null"'],
  ['[]', "fault at 0: expected a type before '[]'"],
  ['a, b', "fault at 1: ',' is not part of the model language"],
  ['{ a: string }', 'fault at 0: expected a nested mapping (indented lines) instead of braces'],
  ['string[', "fault at 6: expected '[]' after a type"],
  ["'open", "fault at 0: ''' is not part of the model language"],
  [
    'Promise<Task>',
    "fault at 7: generic types are not part of the model language; expected 'T[]' for a list, '__string: T' for a record",
  ],
])('%p is answered with %p', (text, expected) => {
  expect(print(text)).toBe(expected);
});

test.each([
  ['('.repeat(19_000), 'nested too deeply'],
  [`string${'[]'.repeat(9_000)}`, 'nested too deeply'],
  ['string | '.repeat(2_000), 'expected a type'],
  ['x'.repeat(5_000_000), 'at most 20000 characters'],
  [`${' '.repeat(19_000)}|`, 'expected a type before'],
])('hostile type %# ends in a fault at once', (text, fault) => {
  const began = process.hrtime.bigint();
  expect(parseType(text, isModel)).toEqual({ fault: expect.stringContaining(fault), offset: expect.any(Number) });
  expect(Number(process.hrtime.bigint() - began) / 1e6).toBeLessThan(1_000);
});
