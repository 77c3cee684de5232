import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { EngineError } from '../../contract/failures.ts';
import type { CommandModule } from '../command.ts';
import { withExample } from '../command.ts';
import type { Io } from '../io.ts';
import { installedPackage } from '../package.ts';

type Flags = { readonly example?: boolean; readonly newKey?: string };

export const define: CommandModule['define'] = (command, { io }) => {
  command
    .option('--example', 'with an example API to integrate with, and a connection of it')
    .option('--new-key <environment>', 'make another secret key for an environment and print it');
  withExample(command, 'nango start --example').action((flags: Flags) => {
    const example = flags.example === true ? ['--example'] : [];
    return startPlatform(io, [...example, ...(flags.newKey === undefined ? [] : ['--new-key', flags.newKey])]);
  });
};

/** The platform of this package as a process of its own, until Ctrl-C. Its data stays in `.local/` of where it was called. */
async function startPlatform(io: Io, flags: readonly string[]): Promise<void> {
  const { root, isClone } = installedPackage();
  const program = join(root, ...(isClone ? ['platform', 'start.ts'] : ['dist', 'platform', 'start.js']));
  const child = spawn(process.execPath, [program, ...flags], {
    cwd: io.cwd,
    env: io.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.on('data', (chunk: Buffer) => io.stdout.write(chunk));
  child.stderr.on('data', (chunk: Buffer) => io.stderr.write(chunk));
  // A terminal's Ctrl-C reaches it by itself: passed on as well, it would count as the second one.
  const stop = (): void => void (io.isTty || child.kill('SIGINT'));
  io.signal?.addEventListener('abort', stop, { once: true });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (code === 0) return;
  const how = code === null ? `by ${signal}` : `with code ${code}`;
  throw new EngineError('configuration_invalid', `The platform ended ${how}: why stands above.`);
}
