/**
 * `npm run -s bench -- side-by-side`: every row that is compared with the incumbent, one bench after the other, each in a
 * process of its own, and bench/RESULTS.md made anew. On a quiet machine it takes about an hour.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { savedResults, sideBySide } from './results.ts';

const RUNS: readonly (readonly string[])[] = [
  ['actions'],
  ['sync'],
  ['records'],
  ['outbound'],
  ['rest'],
  ['compile'],
  ['chaos', '--seeds', '50'],
  ['cluster'],
  ['load', '--connections', '200', '--minutes', '3'],
  ['waiting', '--syncs', '2000'],
  ['concurrency', '--syncs', '200'],
];

/** Runs all, or those named. A bench that fails is told and leaves its last result. */
export async function runSideBySide(only: readonly string[], say: (line: string) => void): Promise<boolean> {
  const wanted = RUNS.filter(([name = '']) => only.length === 0 || only.includes(name));
  const failed: string[] = [];
  for (const run of wanted) {
    const child = spawn(process.execPath, ['bench/main.ts', ...run, '--save'], { stdio: 'inherit' });
    const [code] = await once(child, 'exit');
    if (code !== 0) failed.push(run.join(' '));
  }
  say(`\n${sideBySide(savedResults())}`);
  for (const run of failed) say(`failed: ${run}`);
  return failed.length === 0;
}
