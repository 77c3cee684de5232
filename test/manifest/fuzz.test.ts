import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { EngineError } from '../../contract/failures.ts';
import { parseManifest } from '../../manifest/parse.ts';
import { generateModels } from '../../manifest/typegen.ts';

const SEEDS = ['golden', 'old-style', 'wrong-scripts'].map((name) =>
  readFileSync(new URL(`../fixtures/${name}/nango.yaml`, import.meta.url), 'utf8'),
);
const PIECES = [
  '\n',
  '\n  ',
  '\t',
  ': ',
  '- ',
  '[',
  ']',
  '{',
  '}',
  '&a ',
  '*a',
  '|',
  '"',
  "'",
  '#',
  '<<: ',
  '?',
  '!x ',
  '---\n',
  '\u0000',
  '\ud800',
  '\uFEFF',
  'models',
  '__extends: Task',
  'every 1ms',
  '0x10',
  '.inf',
  '~',
  '%',
];

// A fixed generator: a failure can be run again by its number.
function createRandom(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}

function mutate(seed: number): string {
  const random = createRandom(seed);
  let text = SEEDS[random(SEEDS.length)] ?? '';
  for (let edits = 1 + random(8); edits > 0; edits -= 1) {
    const at = random(text.length + 1);
    const length = random(3) === 0 ? random(40) : random(3);
    const piece =
      random(4) === 0 ? text.slice(random(text.length), random(text.length)) : (PIECES[random(PIECES.length)] ?? '');
    text = text.slice(0, at) + piece + text.slice(at + length);
  }
  return text;
}

test('500 damaged documents are read or refused, each refusal with places', () => {
  let refused = 0;
  for (let seed = 0; seed < 500; seed += 1) {
    const text = mutate(seed);
    try {
      generateModels(parseManifest(text, 'nango.yaml').manifest);
    } catch (error) {
      const { code, details } = error as EngineError;
      if (code !== 'manifest_invalid') throw new Error(`document ${seed}: ${JSON.stringify(text)}`, { cause: error });
      refused += 1;
      expect(details.mistakes?.length).toBeGreaterThan(0);
      for (const mistake of details.mistakes ?? []) expect(mistake).toMatch(/^nango\.yaml:[1-9]\d*:[1-9]\d*: \S/);
    }
  }
  // Both ends occur, or the mutations do not bite.
  expect(refused).toBeGreaterThan(100);
  expect(refused).toBeLessThan(500);
});
