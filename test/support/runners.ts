import { execFileSync } from 'node:child_process';

/** Kills the processes in which scripts of this test's own platform run. */
export function killRunners(): void {
  const children = execFileSync('pgrep', ['-P', String(process.pid), '-f', 'runner/main'])
    .toString()
    .trim()
    .split('\n');
  for (const pid of children) process.kill(Number(pid), 'SIGKILL');
}
