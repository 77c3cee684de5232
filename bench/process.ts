import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Closing } from '../runtime/closing.ts';
import { SETTINGS } from '../runtime/env.ts';

export type RunningProcess = {
  readonly pid: number;
  /** The line that said it was ready. */
  readonly ready: RegExpExecArray;
  readonly stop: () => Promise<void>;
  /** Resolves when it has ended, however. */
  readonly exited: Promise<unknown>;
};

const READY_WITHIN_MS = 120_000;
const STOP_WITHIN_MS = 40_000;

/**
 * Starts a script of the project in a process of its own, in a process group of its own, and waits until it prints a
 * line that matches `ready`. Settings of the surroundings are left out: only `settings` count. `closing` stops it.
 */
export async function startScript(
  script: string,
  options: {
    readonly closing: Closing;
    readonly ready: RegExp;
    /** The folder of the project, where it is not this one. */
    readonly project?: string;
    readonly settings?: Readonly<Record<string, string>>;
    readonly nodeOptions?: readonly string[];
    /** What the command is put behind, such as `ip netns exec <name>`, which becomes the process itself. */
    readonly behind?: readonly string[];
    /** Gets each line it prints. */
    readonly onLine?: (line: string) => void;
  },
): Promise<RunningProcess> {
  const { closing, ready, project, settings = {}, nodeOptions = [], behind = [], onLine } = options;
  const [command = process.execPath, ...args] = [...behind, process.execPath, ...nodeOptions, script];
  const surroundings = Object.entries(process.env).filter(([name]) => !(name in SETTINGS));
  const child = spawn(command, args, {
    cwd: project ?? new URL('..', import.meta.url),
    env: { ...Object.fromEntries(surroundings), ...settings },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const forced = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    await exited.finally(() => clearTimeout(forced));
  };
  closing.add(script, stop);
  const tail: string[] = [];
  const found = new Promise<RegExpExecArray>((resolve) => {
    // Read to the end, or the pipe fills and the process stands still.
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        onLine?.(line);
        tail.push(line);
        if (tail.length > 20) tail.shift();
        const match = ready.exec(line);
        if (match) resolve(match);
      });
    }
  });
  const why = await Promise.race([found, exited.then(() => 'ended'), after(READY_WITHIN_MS)]);
  if (typeof why !== 'string') return { pid: child.pid ?? 0, ready: why, stop, exited };
  await stop();
  throw new Error(`${script} ${why} before it was ready:\n${tail.join('\n')}`);
}

function after(ms: number): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve(`said nothing for ${ms} ms`), ms).unref());
}
