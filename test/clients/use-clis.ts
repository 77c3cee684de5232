import { execFile } from 'node:child_process';
import { access, cp, mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll } from '@jest/globals';
import type { Caller } from '../../platform/example.ts';
import { writeFiles } from '../support/project-files.ts';

const run = promisify(execFile);
const WANTED = fileURLToPath(new URL('clis', import.meta.url));
const INSTALLED = fileURLToPath(new URL('../../node_modules/.cache/unmodified-clis', import.meta.url));

export type CliVersion = '0.69.14' | '0.69.36' | '0.71.10';
export type CliEnd = { readonly code: number; readonly shown: string };

/**
 * The published command lines, as they are: installed once beside the packages, because they bring 300 MB that only
 * these tests need.
 */
export function useClis(): void {
  beforeAll(async () => {
    const lock = 'package-lock.json';
    const wanted = await readFile(join(WANTED, lock), 'utf8');
    const there = await readFile(join(INSTALLED, lock), 'utf8').catch(() => '');
    const isWhole = await access(join(INSTALLED, 'node_modules', '.package-lock.json')).then(
      () => true,
      () => false,
    );
    if (isWhole && there === wanted) return;
    await mkdir(INSTALLED, { recursive: true });
    await cp(WANTED, INSTALLED, { recursive: true });
    await run('npm', ['ci', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'], { cwd: INSTALLED });
  }, 580_000);
}

/** Writes a project, with the packages that a zero-yaml one imports. */
export async function writeProject(cwd: string, files: Readonly<Record<string, string>>): Promise<void> {
  await writeFiles(cwd, files);
  await mkdir(join(cwd, 'node_modules'));
  await symlink(join(INSTALLED, 'node_modules', 'nango-0.71.10'), join(cwd, 'node_modules', 'nango'));
  await symlink(join(INSTALLED, 'node_modules', 'zod'), join(cwd, 'node_modules', 'zod'));
}

/** Runs a command of that version in the project, against our server, without a person. */
export async function runPublished(
  version: CliVersion,
  argv: readonly string[],
  { cwd, caller }: { readonly cwd: string; readonly caller: Caller },
): Promise<CliEnd> {
  const cli = join(INSTALLED, 'node_modules', `nango-${version}`, 'dist', 'index.js');
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: cwd,
    CI: '1',
    NO_COLOR: '1',
    NANGO_CLI_UPGRADE_MODE: 'ignore',
    NANGO_CLI_TELEMETRY: 'false',
    NANGO_HOSTPORT: caller.apiUrl,
    NANGO_SECRET_KEY_DEV: caller.key,
  };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [cli, ...argv], { cwd, env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number') resolve({ code, shown: `${stdout}\n${stderr}` });
      else reject(error);
    });
  });
}
