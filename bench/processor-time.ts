import { measureTree, type Part } from './memory.ts';
import { PARTS } from './parts.ts';

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
