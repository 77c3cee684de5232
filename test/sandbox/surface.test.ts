import { createHash, createHmac } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { useSandbox } from './use-sandbox.ts';

const { outputOf, run } = useSandbox();

test.each(['md5', 'sha1', 'sha256', 'sha384', 'sha512'])('%s digests equal those of Node', async (name) => {
  const body = `const { createHash, createHmac } = require('crypto');
    return [createHash('${name}').update('a').update(Buffer.from('é')).digest('hex'), createHmac('${name}', 'key').update('data').digest('base64'),
      createHash('${name}').update('616c', 'hex').digest('base64url'), createHash('${name}').digest().length];`;
  expect(await outputOf(body)).toEqual([
    createHash(name).update('aé').digest('hex'),
    createHmac(name, 'key').update('data').digest('base64'),
    createHash(name).update('616c', 'hex').digest('base64url'),
    createHash(name).digest().length,
  ]);
});

test('the rest of crypto that scripts use is there', async () => {
  const body = `const c = require('node:crypto'); const h = c.createHash('sha1').update('a'); const copy = h.copy(); h.digest();
    return [/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(c.randomUUID()), c.randomBytes(5).length,
      c.timingSafeEqual(Buffer.from('a'), Buffer.from('a')), c.timingSafeEqual(Buffer.from('a'), Buffer.from('b')), copy.digest('hex').length,
      typeof c.default.createHmac, crypto === c];`;
  expect(await outputOf(body)).toEqual([true, 5, true, false, 40, 'function', true]);
});

test.each([
  ["new URL('../x?y=1&y=2#z', 'https://user:pw@ex.com:443/a/b/').href", 'https://user:pw@ex.com/a/x?y=1&y=2#z'],
  ["new URL('https://ex.com/a b/ü').pathname", '/a%20b/%C3%BC'],
  ["new URL('https://bücher.example').host", 'xn--bcher-kva.example'],
  ["new URL('https://ex.com?a=1&b=%20c').searchParams.get('b')", ' c'],
  [
    "(() => { const u = new URL('https://ex.com/p'); u.searchParams.append('q', 'a&b'); return u.toString(); })()",
    'https://ex.com/p?q=a%26b',
  ],
  ["(() => { try { new URL('no url'); } catch (e: any) { return e.name; } })()", 'TypeError'],
  ["new URLSearchParams([['a', '1'], ['a', '2']]).getAll('a')", ['1', '2']],
  [
    "[...new URLSearchParams('?b=2&a=1')]",
    [
      ['b', '2'],
      ['a', '1'],
    ],
  ],
  ["require('url').URLSearchParams === URLSearchParams && require('node:url').URL === URL", true],
  ["new TextDecoder().decode(new TextEncoder().encode('é😀\\ud800'))", 'é😀\ufffd'],
  ["Array.from(new TextEncoder().encode('é😀'))", [195, 169, 240, 159, 152, 128]],
  ['new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0xff, 0xe2, 0x82]))', 'a\ufffd\ufffd'],
  [
    '(() => { const d = new TextDecoder(); return d.decode(new Uint8Array([0xe2, 0x82]), { stream: true }) + d.decode(new Uint8Array([0xac])); })()',
    '€',
  ],
  [
    "(() => { try { new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([0xff])); } catch (e: any) { return e.name; } })()",
    'TypeError',
  ],
  ["new TextDecoder('utf-16le').decode(new Uint8Array([0x61, 0, 0x3d, 0xd8, 0, 0xde]))", 'a😀'],
  ["[btoa('hi'), atob('aGk='), atob(' aG k '), btoa('\\u00ff')]", ['aGk=', 'hi', 'hi', '/w==']],
  [
    "['€', 'a'].map((t) => { try { return t === 'a' ? atob(t) : btoa(t); } catch (e: any) { return e.name; } })",
    ['InvalidCharacterError', 'InvalidCharacterError'],
  ],
  [
    "[Buffer.from('hé').toString('base64'), Buffer.from('aMOp', 'base64').toString(), Buffer.concat([Buffer.from('a'), Buffer.alloc(1)]).toString('hex')]",
    ['aMOp', 'hé', '6100'],
  ],
  [
    "[Buffer.from([251, 255]).toString('base64url'), Buffer.from('-_8', 'base64url').toString('hex'), Buffer.isEncoding('base64url')]",
    ['-_8', 'fbff', true],
  ],
  [
    "[require('buffer').Buffer === Buffer, Buffer.from('a') instanceof Uint8Array, Buffer.byteLength('é'), JSON.stringify(Buffer.from('a'))]",
    [true, true, 2, '{"type":"Buffer","data":[97]}'],
  ],
  [
    '(() => { const m = new Map([[1, { d: new Date(5), s: new Set([1]) }]]); const c = structuredClone(m); return [c !== m, c.get(1)!.d.getTime(), [...c.get(1)!.s]]; })()',
    [true, 5, [1]],
  ],
  ['(() => { const a: any = {}; a.a = a; const c = structuredClone(a); return c.a === c && c !== a; })()', true],
  ['(() => { try { structuredClone(() => 1); } catch (e: any) { return e.name; } })()', 'DataCloneError'],
  [
    "(() => { const c = new AbortController(); let seen = 0; c.signal.addEventListener('abort', () => seen++); c.abort(); c.abort(); return [seen, c.signal.aborted, c.signal.reason.name, AbortSignal.any([c.signal]).aborted]; })()",
    [1, true, 'AbortError', true],
  ],
  ["await new Promise((r) => queueMicrotask(() => r('micro')))", 'micro'],
  ['globalThis === global && typeof console.error', 'function'],
])('%s', async (expression, value) => {
  expect(await outputOf(`return ${expression};`)).toEqual(value);
});

test('zod is there for a bundle that imports it, in all its spellings', async () => {
  const code = `import { z } from 'zod'; import * as all from 'zod'; import other from 'zod';
    export default async function runAction(nango: any, input: any) {
      const Task = z.object({ id: z.string(), n: z.coerce.number().optional() }).strict();
      return [Task.parse({ id: 'a', n: '4' }), Task.safeParse({ x: 1 }).success, all.z === z, other.string === z.string, nango.zod === z];
    }`;
  const { outcome } = await run(code);
  expect(outcome).toMatchObject({ output: '[{"id":"a","n":4},false,true,true,true]' });
});

test('zod keeps its fast path although scripts cannot make code from text', async () => {
  const code = `import { z } from 'zod';
    export default async function runAction() {
      const shape = z.object({ a: z.string(), b: z.number() });
      for (let i = 0; i < 100_000; i++) shape.parse({ a: 'x', b: i });
      return (shape as any)._zod.parse.toString().length > 0;
    }`;
  expect((await run(code, { limits: { cpuMs: 1500 } })).outcome.status).toBe('completed');
});

test('a module that does not exist is refused by name, with the list of those that do', async () => {
  const body = "const name = 'f' + 's'; try { require(name); } catch (e: any) { return e.message; }";
  expect(await outputOf(body)).toMatch(/Module 'fs' is not there in a script: crypto, url, buffer, zod/);
});

/** What real scripts use of the language and of its globals (facts, section A6), by the names of the table there. */
test.each([
  ['encodeURIComponent', "encodeURIComponent('a b/ü')", 'a%20b%2F%C3%BC'],
  ['Date', "new Date('2026-01-31T12:00:00+01:00').toISOString()", '2026-01-31T11:00:00.000Z'],
  ['ArrayBuffer and Uint8Array', 'new Uint8Array(new ArrayBuffer(2)).length', 2],
  ['globalThis and global', 'typeof globalThis.Array === typeof global.Array', true],
  ['BigInt', "[String(BigInt('9007199254740993') + 2n), BigInt.asUintN(8, 257n) === 1n]", ['9007199254740995', true]],
  ['Symbol', "[typeof Symbol.asyncIterator, Symbol.for('a') === Symbol.for('a')]", ['symbol', true]],
  ['Reflect', "[Reflect.has({ a: 1 }, 'a'), Reflect.ownKeys({ b: 1 })]", [true, ['b']]],
  ['WeakSet', '(() => { const o = {}; return new WeakSet([o]).has(o); })()', true],
  ['Intl', "new Intl.NumberFormat('de-DE', { style: 'currency', currency: 'EUR' }).format(1234.5)", '1.234,50\u00a0€'],
  ['Intl in time zones', "new Date(0).toLocaleString('en-GB', { timeZone: 'Europe/Berlin' })", '01/01/1970, 01:00:00'],
  [
    'Buffer.from, isBuffer, concat, alloc',
    "[Buffer.isBuffer(Buffer.alloc(3)), Buffer.concat([Buffer.from('a'), Buffer.from('b')]).toString()]",
    [true, 'ab'],
  ],
  ['setTimeout', 'await new Promise((resolve) => setTimeout(resolve, 1, "later"))', 'later'],
  [
    'Headers and fetch, which are tested for',
    "[typeof Headers, typeof fetch, 'vitest' in globalThis]",
    ['undefined', 'undefined', false],
  ],
  [
    'async generators and for await',
    '(async () => { async function* pages() { yield 1; yield 2; } const all = []; for await (const page of pages()) all.push(page); return all; })()',
    [1, 2],
  ],
  [
    'Promise.allSettled',
    '(await Promise.allSettled([Promise.resolve(1), Promise.reject(2)])).map((one) => one.status)',
    ['fulfilled', 'rejected'],
  ],
])('%s', async (_what, expression, value) => {
  expect(await outputOf(`return await (${expression});`)).toEqual(value);
});

test('enums of texts and of numbers are compiled', async () => {
  const code = `enum State { Open = 'open', Closed = 'closed' }
    enum Level { Low, High }
    export default async function runAction() { return [State.Closed, Level[1], Level.Low]; }`;
  expect((await run(code)).outcome).toMatchObject({ output: '["closed","High",0]' });
});
