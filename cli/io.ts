/** The outer world of one `nango` call: bin/nango.js hands in the process's own, tests hand in theirs. */
import type { Readable, Writable } from 'node:stream';

export type Env = Readonly<Record<string, string | undefined>>;

export type Io = {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Env;
  readonly cwd: string;
  /** Whether a person sits at both ends: stdin and stdout are a terminal. */
  readonly isTty: boolean;
  /** Whether a person sees stderr, where progress is shown. @default false */
  readonly isErrorTty?: boolean;
  /** Aborted when the user asks to stop (Ctrl-C). */
  readonly signal?: AbortSignal;
};

/** Reads all of stdin as text, less the line break at its end. */
export async function readStdin(io: Io): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of io.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}
