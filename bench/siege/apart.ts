/**
 * A machine apart, as far as one machine has such: a network namespace whose only line to the others is pulled and put back,
 * and a clock of its own (libfaketime) that jumps. Only root can have the one, and only where it is installed the other.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Closing } from '../../runtime/closing.ts';

export type Apart = {
  /** Where the others are reached from in there; of the machine itself where there is no namespace. */
  readonly host: string;
  /** What a command is put behind to run in there. */
  readonly behind: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Nothing comes through any more, in neither direction, until it is mended; undefined without a namespace. */
  readonly line: { readonly cut: () => void; readonly mend: () => void } | undefined;
  /** Lets its clock show so many seconds more or less than the others'; undefined without libfaketime. */
  readonly setClock: ((seconds: number) => void) | undefined;
};

/** Nothing apart. */
export const HERE: Apart = { host: '127.0.0.1', behind: [], environment: {}, line: undefined, setClock: undefined };

const LIBRARIES = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map((folder) => `/usr/lib/${folder}/faketime`);

export function openApart(closing: Closing, { folder }: { readonly folder: string }): Apart {
  const { host, behind, line } = openNamespace(closing);
  const { environment, setClock } = openClock(folder);
  return { host, behind, line, environment, setClock };
}

function openNamespace(closing: Closing): Pick<Apart, 'host' | 'behind' | 'line'> {
  const name = `nango-${process.pid}`;
  const [near, far] = [`near${process.pid}`, `far${process.pid}`];
  // Of the network that is set aside for measuring (RFC 2544): no other machine has them.
  const net = `198.18.${process.pid % 256}`;
  const ip = (...args: readonly string[]): void => void execFileSync('ip', args, { stdio: 'ignore' });
  try {
    ip('netns', 'add', name);
  } catch {
    return HERE;
  }
  closing.add('the namespace', () => ip('netns', 'del', name));
  ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name);
  ip('addr', 'add', `${net}.1/30`, 'dev', near);
  ip('link', 'set', near, 'up');
  ip('-n', name, 'addr', 'add', `${net}.2/30`, 'dev', far);
  ip('-n', name, 'link', 'set', far, 'up');
  ip('-n', name, 'link', 'set', 'lo', 'up');
  return {
    host: `${net}.1`,
    behind: ['ip', 'netns', 'exec', name],
    line: { cut: () => ip('link', 'set', near, 'down'), mend: () => ip('link', 'set', near, 'up') },
  };
}

function openClock(folder: string): Pick<Apart, 'environment' | 'setClock'> {
  const library = LIBRARIES.map((path) => join(path, 'libfaketime.so.1')).find((path) => existsSync(path));
  if (library === undefined) return HERE;
  const file = join(folder, 'clock');
  const setClock = (seconds: number): void => writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}s\n`);
  setClock(0);
  const environment = {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    // As when somebody sets a machine's clock: timers go on.
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
  return { environment, setClock };
}
