import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

export type Server = { readonly pid: number; readonly exited: Promise<void>; readonly stop: () => Promise<void> };

const STOP_WITHIN_MS = 10_000;
const KEPT_OUTPUT = 4_000;

/**
 * Starts a server in a process group of its own, so that Ctrl-C reaches only us and we stop the parts in order. Its pid
 * is kept in `pidFile`: whoever finds the folder after a crash stops what was left (`stopLeftOver`).
 */
export async function startServer(options: {
  readonly command: string;
  readonly args: readonly string[];
  readonly pidFile: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly stopSignal: 'SIGINT' | 'SIGTERM';
}): Promise<Server & { readonly output: () => string }> {
  const { command, args, pidFile, uid, gid, stopSignal } = options;
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid !== undefined && gid !== undefined && { uid, gid }),
  });
  const output = collectOutput(child);
  const exited = once(child, 'exit').then(() => undefined);
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  await writeFile(pidFile, String(pid));
  return { pid, exited, output, stop: () => stop(child, exited, stopSignal, pidFile) };
}

async function stop(
  child: ChildProcess,
  exited: Promise<void>,
  signal: NodeJS.Signals,
  pidFile: string,
): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill(signal);
    const forced = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    await exited.finally(() => clearTimeout(forced));
  }
  await rm(pidFile, { force: true });
}

/** Stops the process a crashed platform left behind; a pid that is gone, or is something else by now, is let be. */
export async function stopLeftOver(pidFile: string, name: string): Promise<void> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 1) return;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  if (!command.includes(name)) return;
  process.kill(pid, 'SIGINT');
  for (let waited = 0; isAlive(pid); waited += 50) {
    if (waited === STOP_WITHIN_MS) process.kill(pid, 'SIGKILL');
    await delay(50);
  }
}

/** Whether a process of this pid runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

// Pipes that nobody reads block the writer: the output is always read, and its end kept for the message of a failure.
function collectOutput(child: ChildProcess): () => string {
  let text = '';
  const keep = (chunk: Buffer): void => {
    text = (text + chunk.toString()).slice(-KEPT_OUTPUT);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  return () => text.trim();
}
