/** Positions, in maps and stacks that whoever deployed a script may have written himself. */
import { expect, test } from '@jest/globals';
import { locateStack, mapPosition } from '../../sandbox/script-error.ts';

const MIB = 1024 * 1024;

function bundleWith(map: object) {
  const sourceMap = JSON.stringify({ version: 3, sources: ['tasks.ts'], names: [], mappings: 'AAAA', ...map });
  return { hash: 'h', code: '', file: 'tasks.ts', sourceMap };
}

/** The mappings of a line of so many characters. */
const mappings = (length: number) => 'AAAA'.padEnd(length, ',CAAC');

test('a stack of very many frames is looked up in a long map as soon as one frame is', () => {
  const bundle = bundleWith({ mappings: mappings(MIB) });
  const timed = (stack: string) => {
    const begun = performance.now();
    expect(locateStack(bundle, stack)).toMatchObject({ file: 'tasks.ts' });
    return performance.now() - begun;
  };
  timed('script.js:1:1');
  const one = timed('script.js:1:1');
  expect(timed('script.js:1:1\n'.repeat(1_500))).toBeLessThan(5 * one + 50);
});

test.each([
  ['mappings too long to read at once', { mappings: mappings(2 * MIB + 10) }],
  ['very many sources', { sources: Array.from({ length: 10_001 }, () => 'a.ts') }],
  ['mappings that are none', { mappings: 7 }],
  ['sources that are no list', { sources: 'a.ts' }],
])('a map with %s knows no place', (_, map) => {
  expect(locateStack(bundleWith(map), 'script.js:1:1')).toBeUndefined();
  expect(mapPosition(bundleWith(map), 1, 1)).toBeUndefined();
});

test.each([{ sources: [{}, 7] }, { mappings: '!!!!' }, { mappings: 'AAAA;;;AAAAAAAAAA' }, { names: 7 }])(
  'a map that has %j harms nothing',
  (map) => {
    expect(() => locateStack(bundleWith(map), 'script.js:1:1')).not.toThrow();
  },
);

test('the name of a file is as long as it may be in a message', () => {
  const bundle = bundleWith({ sources: ['x'.repeat(MIB)] });
  expect(mapPosition(bundle, 1, 1)?.file).toHaveLength(500);
});

test.each(['0', '-1', '99999999999999999999', '1e3'])('a frame at line %s harms nothing', (line) => {
  expect(() => locateStack(bundleWith({}), `script.js:${line}:${line}`)).not.toThrow();
});
