import { readdirSync, readFileSync } from 'node:fs';

export type Sample = { readonly pssMib: number; readonly rssMib: number; readonly cpuSeconds: number };
export type Part = Sample & { readonly pid: number; readonly command: string };

const TICKS_PER_SECOND = 100;

/**
 * Memory and processor time used so far of a process and all its descendants (Linux only). PSS shares out the pages that
 * processes have in common, so that the sum of a tree is what it really takes.
 */
export function measureTree(root: number): readonly Part[] {
  const children = childrenByParent();
  const tree = (pid: number): number[] => [pid, ...(children.get(pid) ?? []).flatMap(tree)];
  return tree(root).flatMap((pid) => measure(pid) ?? []);
}

/** The sum over several processes. */
export function total(parts: readonly Sample[]): Sample {
  const sum = (key: keyof Sample): number => parts.reduce((all, part) => all + part[key], 0);
  return { pssMib: sum('pssMib'), rssMib: sum('rssMib'), cpuSeconds: sum('cpuSeconds') };
}

function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const parent = /^\d+$/.test(name) ? Number(statOf(Number(name))?.[1]) : Number.NaN;
    if (!Number.isNaN(parent)) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  return children;
}

function measure(pid: number): Part | undefined {
  const stat = statOf(pid);
  const memory = read(`/proc/${pid}/smaps_rollup`);
  if (stat === undefined || memory === undefined) return undefined;
  const mib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(memory)?.[1] ?? 0) / 1024;
  const command = (read(`/proc/${pid}/cmdline`) ?? '').replaceAll('\0', ' ').trim();
  const cpuSeconds = (Number(stat[11]) + Number(stat[12])) / TICKS_PER_SECOND;
  return { pid, command, pssMib: mib('Pss'), rssMib: mib('Rss'), cpuSeconds };
}

// The second field of `stat` is a name that may hold blanks: count from behind it, where the state is number 0.
function statOf(pid: number): string[] | undefined {
  const text = read(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

// Processes come and go while they are counted.
function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
