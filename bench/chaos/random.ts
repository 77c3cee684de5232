/** Random choices that follow from a seed alone: the same on every machine, so that a failing seed can be run again. */
export type Random = {
  /** A whole number from 0 to `below` - 1. */
  readonly int: (below: number) => number;
  /** A whole number from `low` to `high`, both included. */
  readonly between: (low: number, high: number) => number;
  /** True in that share of cases. */
  readonly chance: (share: number) => boolean;
  readonly pick: <T>(choices: readonly [T, ...T[]]) => T;
  /** `count` different whole numbers from `low` to `high` in ascending order; fewer when there are not so many. */
  readonly distinct: (count: number, low: number, high: number) => readonly number[];
};

/** A 32-bit mixing generator (splitmix): small, and good enough to choose steps and moments. */
export function createRandom(seed: number): Random {
  let state = (seed ^ 0x5eed) >>> 0;
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
  const int = (below: number): number => Math.floor(next() * below);
  const between = (low: number, high: number): number => low + int(high - low + 1);
  return {
    int,
    between,
    chance: (share) => next() < share,
    pick: (choices) => choices[int(choices.length)] ?? choices[0],
    distinct: (count, low, high) => {
      const left = Array.from({ length: Math.max(0, high - low + 1) }, (_, at) => low + at);
      const chosen: number[] = [];
      while (chosen.length < count && left.length > 0) chosen.push(...left.splice(int(left.length), 1));
      return chosen.sort((a, b) => a - b);
    },
  };
}
