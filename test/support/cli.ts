/** Calls of the command line in this process, in temporary folders, with its streams in the test's hands. */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { afterAll } from '@jest/globals';
import { main } from '../../cli/main.ts';

export type CliCall = {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Everything that stands on stdin. */
  readonly stdin?: string;
};
export type CliResult = { readonly code: number; readonly stdout: string; readonly stderr: string };

export type RunningCli = {
  readonly ended: Promise<CliResult>;
  /** Resolves with the text, or the match of the pattern, once it was written to stdout or stderr since the last `see`. */
  readonly see: (expected: string | RegExp) => Promise<string>;
  /** Everything written so far, stdout and stderr as they came. */
  readonly shown: () => string;
  readonly type: (text: string) => void;
  /** What Ctrl-C does. */
  readonly interrupt: () => void;
};

/** Runs a command to its end, without a terminal. */
export async function runCli(argv: readonly string[], call: CliCall): Promise<CliResult> {
  const cli = startCli(argv, call);
  return cli.ended;
}

/** Starts a command; `isTty` makes it believe in a person at a terminal. */
export function startCli(argv: readonly string[], call: CliCall & { readonly isTty?: boolean }): RunningCli {
  const stdin = new PassThrough();
  const written = { stdout: '', stderr: '', all: '' };
  let from = 0;
  let wake = () => {};
  const sink = (name: 'stdout' | 'stderr') =>
    new Writable({
      write: (chunk, _encoding, done) => {
        written[name] += chunk;
        written.all += chunk;
        wake();
        done();
      },
    });
  const controller = new AbortController();
  if (call.isTty !== true) stdin.end(call.stdin ?? '');
  const ended = main(argv, {
    stdin,
    stdout: sink('stdout'),
    stderr: sink('stderr'),
    env: call.env ?? {},
    cwd: call.cwd,
    isTty: call.isTty ?? false,
    signal: controller.signal,
  }).then((code) => ({ code, stdout: written.stdout, stderr: written.stderr }));
  return {
    ended,
    shown: () => written.all,
    type: (text) => stdin.write(text),
    interrupt: () => controller.abort(),
    see: async (expected) => {
      for (;;) {
        const seen = matchIn(written.all.slice(from), expected);
        if (seen !== undefined) {
          from += seen.end;
          return seen.text;
        }
        const next = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const over = ended.then(({ code }) => {
          throw new Error(`The command ended with ${code} before it wrote ${expected}:\n${written.all}`);
        });
        await Promise.race([next, over]);
      }
    },
  };
}

/** Fresh folders with a space in their names, removed after the last test of the file. */
export function useFolders(): { readonly create: () => Promise<string> } {
  const folders: string[] = [];
  afterAll(async () => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  });
  return {
    create: async () => {
      const folder = await realpath(await mkdtemp(join(tmpdir(), 'nango cli ')));
      folders.push(folder);
      return folder;
    },
  };
}

function matchIn(text: string, expected: string | RegExp): { readonly text: string; readonly end: number } | undefined {
  const found =
    typeof expected === 'string' ? (text.includes(expected) ? expected : undefined) : expected.exec(text)?.[0];
  return found === undefined ? undefined : { text: found, end: text.indexOf(found) + found.length };
}
