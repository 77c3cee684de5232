/**
 * Random requests against the whole platform, made by schemathesis (PyPI) from our own OpenAPI document: no answer may be
 * a failure of the server, none may have a status that the document does not name. `/proxy` passes on what others answer.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Closing } from '../../runtime/closing.ts';
import type { BenchOptions, Figures } from '../bench.ts';
import { openPlatform } from '../platform.ts';

/** Requests are no matter of seconds: a script that is triggered runs meanwhile. */
const ANSWER_WITHIN_S = '30';

/** @throws Error with what was found, each with the command that shows it again; and where there is no schemathesis. */
export async function benchFuzzApi(closing: Closing, { minutes, first, say }: BenchOptions): Promise<Figures> {
  if ((await run(['--version'], '.', () => undefined)) !== 0) {
    throw new Error(
      'There is no schemathesis on the PATH: python3 -m venv .venv && .venv/bin/pip install schemathesis, then PATH="$PWD/.venv/bin:$PATH"',
    );
  }
  // Most random keys are unknown, and come from one address.
  const { folder, start } = await openPlatform(closing, { NANGO_API_UNKNOWN_KEYS_PER_MINUTE: '10000000' });
  const { url } = await start();
  const key = /^NANGO_SECRET_KEY_DEV=(.+)$/m.exec(await readFile(join(folder, '.env'), 'utf8'))?.[1] ?? '';
  const lines: string[] = [];
  const code = await run(
    [
      ...['run', `${url}/openapi.json`, '-H', `Authorization: Bearer ${key}`, '--exclude-path-regex', '^/proxy'],
      ...['--checks', 'not_a_server_error,status_code_conformance', '--phases', 'coverage,fuzzing'],
      ...['--continue-on-failure', '--no-shrink', '--warnings', 'off', '--seed', String(first)],
      ...['--request-timeout', ANSWER_WITHIN_S, '--max-time', String(minutes * 60)],
    ],
    // It keeps a cache where it is started.
    folder,
    (line) => lines.push(line),
  );
  for (const line of lines.filter((one) => one.trim() !== '')) say(line);
  const requests = Number(/(\d+) generated/.exec(lines.join('\n'))?.[1] ?? 0);
  // What the time was over for is an error of the tool's own; only findings count.
  if (requests === 0 || lines.some((line) => /ST\d+ /.test(line))) throw new Error(`schemathesis ended with ${code}`);
  return { requests };
}

/** Its exit code; 127 where there is no such command. */
async function run(args: readonly string[], cwd: string, onLine: (line: string) => void): Promise<number> {
  const child = spawn('schemathesis', args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  createInterface({ input: child.stdout }).on('line', onLine);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return code ?? 1;
  } catch {
    return 127;
  }
}
