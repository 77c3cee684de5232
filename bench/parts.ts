/** The parts of the product and of its bench, by the command lines of their processes. */
export const PARTS: readonly (readonly [name: string, command: RegExp])[] = [
  ['postgres', /^postgres\b|\/bin\/postgres /],
  ['temporal', /\btemporal .*\bserver\b/],
  ['scripts', /sandbox\/runner\/main/],
  ['platform', /platform\/start\.ts/],
  ['worker', /platform\/worker\.ts/],
  ['bench', /bench\/main\.ts/],
];
