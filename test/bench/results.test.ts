import { expect, test } from '@jest/globals';
import { type Result, sideBySide } from '../../bench/results.ts';
import { ROWS } from '../../bench/rows.ts';

const REST: Result = {
  bench: 'rest',
  command: 'npm run -s bench -- rest',
  surroundings: 'machine   2 × Some CPU, 24 GiB, 2 % in use',
  figures: { pss_mib: 512, cpu_percent: 1.5 },
};

test('a figure stands in its row beside the incumbent, and what was not measured says so', () => {
  const [, , ...lines] = sideBySide([REST]).split('\n');
  expect(lines).toHaveLength(ROWS.length);
  expect(lines.filter((line) => !line.includes('not measured |'))).toEqual([
    '| memory at rest, everything, PSS | 1,039 MiB | ≤ 600 MiB | 512 MiB, 1.5 % of a core | `rest` |',
  ]);
});

test('a figure that was taken on a busy machine is marked', () => {
  const busy = { ...REST, surroundings: `${REST.surroundings}: busy, so the figures are too low` };
  expect(sideBySide([busy])).toContain('| 512 MiB, 1.5 % of a core ¹ |');
});
