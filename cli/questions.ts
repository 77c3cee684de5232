/** Questions to the person at the terminal. Callers ask only when `context.isInteractive()`. */
import { Writable } from 'node:stream';
import type { Io } from './io.ts';

type Streams = {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly signal?: AbortSignal;
};

/** Asks for the word `yes` in full; anything else is no. Rejects with a cancelled question on Ctrl-C. */
export async function askForYes(io: Io, message: string): Promise<boolean> {
  const { input } = await import('@inquirer/prompts');
  const answer = await input({ message: `${message} Type 'yes' to go on:` }, streams(io));
  return answer.trim().toLowerCase() === 'yes';
}

/** Asks for a secret without showing it. */
export async function askForSecret(io: Io, message: string): Promise<string> {
  const { password } = await import('@inquirer/prompts');
  return password({ message }, streams(io));
}

// Questions go to stderr, so that stdout stays the result alone.
function streams(io: Io): Streams {
  const output = new Writable({ write: (chunk, _encoding, done) => void io.stderr.write(chunk, () => done()) });
  return { input: io.stdin, output, ...(io.signal === undefined ? {} : { signal: io.signal }) };
}
