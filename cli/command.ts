/** What every command gets, and the shape of a file in `commands/`. */
import { type Command, Option } from 'commander';
import { EngineError } from '../contract/failures.ts';
import type { Client } from './client.ts';
import type { Io } from './io.ts';
import type { Output } from './output.ts';
import type { Project } from './project.ts';
import type { Settings } from './settings.ts';

export type GlobalFlags = { readonly autoConfirm: boolean; readonly debug: boolean };

export type CommandContext = {
  readonly io: Io;
  readonly out: Output;
  readonly flags: () => GlobalFlags;
  /** Whether questions may be asked: on a terminal, outside CI, without --no-interactive. */
  readonly isInteractive: () => boolean;
  /** The names of all commands. */
  readonly commands: readonly string[];
  /** Undefined outside a project. */
  readonly foundProject: () => Project | undefined;
  /** Throws `configuration_invalid` outside a project. */
  readonly project: () => Project;
  readonly settings: () => Settings;
  /** Throws `missing_auth_header` where the environment has no key. */
  readonly client: (environment: string) => Client;
};

/**
 * One command. `define` gives commander its arguments, flags, example and action; the action writes through
 * `context.out` and throws what fails.
 */
export type CommandModule = {
  /** The exit code of a failure that no rule of `main` says otherwise. @default 1 */
  readonly failureExitCode?: number;
  /** Whether it asks anything, so that --auto-confirm means something. @default false */
  readonly asks?: boolean;
  readonly define: (command: Command, context: CommandContext) => void;
};

/** Adds the example that each command's --help ends with. */
export function withExample(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExample:\n${lines.map((line) => `  $ ${line}`).join('\n')}`);
}

/** Adds `-e, --environment`, which every command has that asks the server. */
export function withEnvironment(command: Command): Command {
  return command.option('-e, --environment <name>', 'environment on the server', 'dev');
}

/** Adds `--json`, which every command has that reads. */
export function withJson(command: Command): Command {
  return command.option('--json', 'print the answer as JSON');
}

/** Adds a flag of older command lines that leaves models.ts, and what is generated beside it, as it is. */
export function withInterfaces(command: Command): Command {
  return command.addOption(new Option('--no-compile-interfaces', 'leave models.ts alone').hideHelp());
}

/** Takes a flag of the incumbent's that does nothing here, only to say what to do instead. */
export function withRefused(command: Command, flags: string, advice: string): Command {
  const option = new Option(flags).hideHelp();
  return command.addOption(option).on(`option:${option.name()}`, () => {
    throw new EngineError('invalid_body', advice);
  });
}
