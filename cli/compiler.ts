/** The installed TypeScript's own compiler as a process. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { EngineError } from '../contract/failures.ts';

// All that the compiler allocates it needs to its end, so looking for garbage takes a fifth of its time and finds none:
// at Go's own setting as often as the heap doubles. Nothing else of our environment concerns it.
const ENVIRONMENT = { GOGC: '800' };

export type CompilerResult = { readonly code: number | null; readonly output: string };

/** Runs `tsc` with these arguments. Throws `internal` when it does not start. */
export async function runCompiler(
  args: readonly string[],
  cwd: string,
  signal: AbortSignal | undefined,
): Promise<CompilerResult> {
  const { promise, resolve: done, reject } = Promise.withResolvers<CompilerResult>();
  const [program, ...first] = compilerCommand();
  const child = spawn(program, [...first, ...args], {
    cwd,
    env: ENVIRONMENT,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal === undefined ? {} : { signal }),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.on('error', (cause) => reject(new EngineError('internal', `tsc does not start: ${cause.message}`, { cause })));
  child.on('close', (code) => done({ code, output }));
  return promise;
}

/** The native program itself, since its launcher costs the start of a Node; the launcher where it is laid out otherwise. */
function compilerCommand(): [string, ...string[]] {
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
  const native = `@typescript/typescript-${process.platform}-${process.arch}/package.json`;
  try {
    const lib = join(dirname(createRequire(typescript).resolve(native)), 'lib');
    const program = join(lib, process.platform === 'win32' ? 'tsc.exe' : 'tsc');
    if (existsSync(program)) return [program];
  } catch {
    // The launcher says better what is missing.
  }
  return [process.execPath, join(dirname(typescript), 'bin', 'tsc')];
}
