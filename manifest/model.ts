import type { PrimitiveName, TypeExpression } from './manifest.ts';

// Deeper types than this are nobody's; the limit keeps every later walk over a type shallow.
export const MAX_TYPE_DEPTH = 50;
const MAX_LENGTH = 20_000;

const ANY: TypeExpression = { kind: 'primitive', name: 'any' };
const primitive = (name: PrimitiveName): TypeExpression => ({ kind: 'primitive', name });

/** The words of the model language that are types by themselves. Every other word is a model or a text literal. */
const WORDS: ReadonlyMap<string, TypeExpression> = new Map<string, TypeExpression>([
  ...(
    ['string', 'number', 'boolean', 'bigint', 'date', 'null', 'undefined', 'void', 'never', 'any', 'unknown'] as const
  ).map((name): [string, TypeExpression] => [name, primitive(name)]),
  ['true', { kind: 'literal', value: true }],
  ['false', { kind: 'literal', value: false }],
  ['bool', primitive('boolean')],
  ['integer', primitive('number')],
  ['int', primitive('number')],
  ['float', primitive('number')],
  ['char', primitive('string')],
  ['varchar', primitive('string')],
  ['Date', primitive('date')],
  ['object', { kind: 'object', fields: [], index: ANY }],
  ['array', { kind: 'array', element: ANY }],
]);

/** Whether a word is a type of the language by itself, and so cannot name a model. */
export function isTypeWord(word: string): boolean {
  return WORDS.has(word);
}

export type ParsedType =
  /** `literals`: words that are neither types nor models and were taken as text. */
  | { readonly type: TypeExpression; readonly literals: readonly string[] }
  | { readonly fault: string; readonly offset: number };

/**
 * Reads one type of the model language: `string | null`, `Task[]`, `(a | b)[]`, `'open'`, `42`. Linear in the length
 * of the text, whatever the text is. Never throws.
 */
export function parseType(text: string, isModel: (name: string) => boolean): ParsedType {
  if (text.length > MAX_LENGTH) return { fault: `expected a type of at most ${MAX_LENGTH} characters`, offset: 0 };
  const tokens = tokenize(text);
  if ('fault' in tokens) return tokens;
  const cursor: Cursor = { tokens: tokens.tokens, next: 0, isModel, literals: [], end: text.length };
  const type = readUnion(cursor, 0);
  if ('fault' in type) return type;
  const left = cursor.tokens[cursor.next];
  if (left !== undefined) return { fault: `'${left.text}' was not expected here`, offset: left.offset };
  return { type, literals: cursor.literals };
}

/** One type out of several: nested unions are flattened and doubles dropped; a single member stays itself. */
export function unionOf(members: readonly TypeExpression[]): TypeExpression {
  const flat = members.flatMap((member) => (member.kind === 'union' ? member.members : [member]));
  const distinct = [...new Map(flat.map((member) => [JSON.stringify(member), member])).values()];
  const only = distinct[0];
  return distinct.length === 1 && only !== undefined ? only : { kind: 'union', members: distinct };
}

type Token = { readonly kind: 'word' | 'quoted' | 'mark'; readonly text: string; readonly offset: number };
type Fault = { readonly fault: string; readonly offset: number };
type Cursor = {
  readonly tokens: readonly Token[];
  next: number;
  readonly isModel: (name: string) => boolean;
  readonly literals: string[];
  readonly end: number;
};

// Sticky alternatives without nested repetition: each character is looked at a bounded number of times.
const TOKEN = /\s*(?:("[^"]*"|'[^']*')|(\[\s*\]|[|()])|([^|()[\]"'<>{},]+)|(\S))/y;

function tokenize(text: string): { readonly tokens: readonly Token[] } | Fault {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  const length = text.trimEnd().length;
  while (TOKEN.lastIndex < length) {
    const match = TOKEN.exec(text);
    if (match === null) break;
    const [whole, quoted, mark, word, stray] = match;
    const offset = match.index + (whole.length - whole.trimStart().length);
    if (stray !== undefined) return { fault: strayFault(stray), offset };
    if (quoted !== undefined) tokens.push({ kind: 'quoted', text: quoted.slice(1, -1), offset });
    else if (mark !== undefined) tokens.push({ kind: 'mark', text: mark.startsWith('[') ? '[]' : mark, offset });
    else if (word !== undefined && word.trim() !== '') tokens.push({ kind: 'word', text: word.trim(), offset });
  }
  return { tokens };
}

function strayFault(character: string): string {
  if (character === '<' || character === '>') {
    return "generic types are not part of the model language; expected 'T[]' for a list, '__string: T' for a record";
  }
  if (character === '{' || character === '}') return 'expected a nested mapping (indented lines) instead of braces';
  if (character === '[' || character === ']') return "expected '[]' after a type";
  return `'${character}' is not part of the model language`;
}

function readUnion(cursor: Cursor, depth: number): TypeExpression | Fault {
  const members: TypeExpression[] = [];
  for (;;) {
    const member = readPostfix(cursor, depth);
    if ('fault' in member) return member;
    members.push(member);
    if (cursor.tokens[cursor.next]?.text !== '|' || cursor.tokens[cursor.next]?.kind !== 'mark')
      return unionOf(members);
    cursor.next += 1;
  }
}

function readPostfix(cursor: Cursor, depth: number): TypeExpression | Fault {
  let type = readPrimary(cursor, depth);
  if ('fault' in type) return type;
  for (let level = depth; ; level += 1) {
    const token = cursor.tokens[cursor.next];
    if (token?.kind !== 'mark' || token.text !== '[]') return type;
    if (level >= MAX_TYPE_DEPTH) return { fault: 'nested too deeply', offset: token.offset };
    type = { kind: 'array', element: type };
    cursor.next += 1;
  }
}

function readPrimary(cursor: Cursor, depth: number): TypeExpression | Fault {
  const token = cursor.tokens[cursor.next];
  if (token === undefined) return { fault: 'expected a type', offset: cursor.end };
  cursor.next += 1;
  if (token.kind === 'quoted') return { kind: 'literal', value: token.text };
  if (token.kind === 'word') return readWord(cursor, token.text);
  if (token.text !== '(') return { fault: `expected a type before '${token.text}'`, offset: token.offset };
  if (depth >= MAX_TYPE_DEPTH) return { fault: 'nested too deeply', offset: token.offset };
  const inner = readUnion(cursor, depth + 1);
  if ('fault' in inner) return inner;
  const closing = cursor.tokens[cursor.next];
  if (closing?.kind !== 'mark' || closing.text !== ')')
    return { fault: "expected ')'", offset: closing?.offset ?? cursor.end };
  cursor.next += 1;
  return inner;
}

function readWord(cursor: Cursor, word: string): TypeExpression {
  const known = WORDS.get(word);
  if (known !== undefined) return known;
  if (cursor.isModel(word)) return { kind: 'model', name: word };
  if (/^-?\d+(\.\d+)?$/.test(word) && Number.isFinite(Number(word))) return { kind: 'literal', value: Number(word) };
  cursor.literals.push(word);
  return { kind: 'literal', value: word };
}
