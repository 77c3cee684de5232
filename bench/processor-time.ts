import { measureTree, type Part } from './memory.ts';

/** Whose work it is, by the command line of its process. */
const PARTS: readonly (readonly [name: string, command: RegExp])[] = [
  ['postgres', /^postgres\b|\/bin\/postgres /],
  ['temporal', /\btemporal .*\bserver\b/],
  ['scripts', /sandbox\/runner\/main/],
  ['platform', /platform\/start\.ts/],
  ['worker', /platform\/worker\.ts/],
  ['bench', /bench\/main\.ts/],
];

/** Processor time in ms that each part takes from now until it is asked for; processes that end meanwhile are left out. */
export function watchProcessorTime(): () => Readonly<Record<string, number>> {
  const before = new Map(measureTree(process.pid).map(({ pid, cpuSeconds }) => [pid, cpuSeconds]));
  return () => {
    const after = measureTree(process.pid);
    const since = ({ pid, cpuSeconds }: Part): number => (cpuSeconds - (before.get(pid) ?? 0)) * 1_000;
    return Object.fromEntries(
      PARTS.map(([name, command]) => [
        name,
        after.filter((part) => command.test(part.command)).reduce((sum, part) => sum + since(part), 0),
      ]),
    );
  };
}
