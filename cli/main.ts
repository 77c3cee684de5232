/**
 * The room `cli/`: what an author does on their own machine, one command per file in `commands/`. It reads and writes
 * the integrations folder and speaks REST to the server; it never opens Postgres or Temporal. Only this file sets an
 * exit code and prints failures; nothing here reads `process.env` or the process's streams, they are handed in.
 */
import { resolve } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import type { EngineError, FailureCode } from '../contract/failures.ts';
import { failureCode } from '../contract/failures.ts';
import { createClient } from './client.ts';
import type { CommandContext, CommandModule } from './command.ts';
import { ALIASES, addRefused } from './former.ts';
import type { Io } from './io.ts';
import { createOutput, type Output } from './output.ts';
import { installedPackage } from './package.ts';
import { findProject, requireProject } from './project.ts';
import { readSettings } from './settings.ts';

/** The commands in the order of --help. A module is loaded when its command is called, so that --help stays quick. */
export const COMMANDS: Readonly<
  Record<string, { readonly summary: string; readonly isHidden?: boolean; readonly load: () => Promise<CommandModule> }>
> = {
  init: {
    summary: 'make an integrations folder with a sync and an action that work',
    load: () => import('./commands/init.ts'),
  },
  start: {
    summary: 'run the platform of this package here, with its data in .local/',
    load: () => import('./commands/start.ts'),
  },
  generate: {
    summary: 'write models.ts and a scaffold for each missing script',
    load: () => import('./commands/generate.ts'),
  },
  compile: {
    summary: 'check nango.yaml, types and bundles of all scripts',
    load: () => import('./commands/compile.ts'),
  },
  create: { summary: 'add a script to a project without nango.yaml', load: () => import('./commands/create.ts') },
  dev: { summary: 'watch the folder and show mistakes as they come', load: () => import('./commands/dev.ts') },
  dryrun: {
    summary: 'run a sync or an action here against a real connection; nothing is stored',
    load: () => import('./commands/dryrun.ts'),
  },
  'generate:tests': {
    summary: 'write a vitest file for each script that has a recording',
    load: () => import('./commands/generate-tests.ts'),
  },
  test: {
    summary: 'run scripts on their recordings and compare what they do',
    load: () => import('./commands/test.ts'),
  },
  deploy: { summary: 'bring the scripts to an environment of the server', load: () => import('./commands/deploy.ts') },
  providers: { summary: 'list the APIs that the server knows', load: () => import('./commands/providers.ts') },
  integrations: { summary: 'list and create integrations', load: () => import('./commands/integrations.ts') },
  connections: { summary: 'list, create and delete connections', load: () => import('./commands/connections.ts') },
  pull: { summary: 'fetch the source of a deployed script', load: () => import('./commands/pull.ts') },
  'generate:docs': {
    summary: 'write a README for each integration',
    load: () => import('./commands/generate-docs.ts'),
  },
  'migrate-config': {
    summary: 'turn a nango.yaml of version 1 into version 2',
    load: () => import('./commands/migrate-config.ts'),
  },
  'migrate-to-zero-yaml': {
    summary: 'turn a project with nango.yaml into TypeScript definitions',
    load: () => import('./commands/migrate-to-zero-yaml.ts'),
  },
  doctor: {
    summary: 'look what is wrong with set-up, project and server, and say what to do',
    load: () => import('./commands/doctor.ts'),
  },
  completion: { summary: 'print completions for bash, zsh or fish', load: () => import('./commands/completion.ts') },
  variables: {
    summary: 'list, set and delete what scripts find as environment variables',
    load: () => import('./commands/variables.ts'),
  },
  records: { summary: 'show the records of a connection', load: () => import('./commands/records.ts') },
  logs: { summary: 'show the log lines of a script or a run', load: () => import('./commands/logs.ts') },
  status: { summary: 'show syncs with their state and next run', load: () => import('./commands/status.ts') },
  trigger: { summary: 'start a run of a sync now', load: () => import('./commands/trigger.ts') },
  runs: { summary: 'list runs, newest first', load: () => import('./commands/runs.ts') },
  run: { summary: 'show one run with its counts, error and log lines', load: () => import('./commands/run.ts') },
  cancel: { summary: 'cancel a run', load: () => import('./commands/cancel.ts') },
  replay: {
    summary: 'run an ended run again here, answered from its journal; nothing is sent or stored',
    load: () => import('./commands/replay.ts'),
  },
  version: { summary: 'print the version', load: () => import('./commands/version.ts') },
  'cli-location': {
    summary: 'print where the command line is installed',
    isHidden: true,
    load: () => import('./commands/cli-location.ts'),
  },
};

/** Mistakes in the author's files are 10 whatever command found them, and a wrong set-up of the CLI itself is 1. */
const EXIT_CODES: Partial<Record<FailureCode, number>> = {
  manifest_invalid: 10,
  compile_failed: 10,
  configuration_invalid: 1,
};
const INTERRUPTED = 130;

/**
 * Runs one `nango` call; `given` is what follows the command's name. Resolves with the exit code: 10 for compile
 * mistakes, 11 for deploy, 12 for dryrun and replay, 1 for
 * anything else, 0 also when a question was cancelled. Never rejects.
 */
export async function main(given: readonly string[], io: Io): Promise<number> {
  const argv = withoutAliases(given);
  const out = createOutput(io);
  const called = calledCommand(argv);
  let module: CommandModule | undefined;
  let debug = argv.includes('--debug') || io.env['NANGO_CLI_DEBUG'] === 'true';
  try {
    module = await (called === undefined ? undefined : COMMANDS[called]?.load());
    const program = createProgram(io, out, called, module, (flags) => (debug ||= flags.debug));
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    if (isCancelledQuestion(error)) return 0;
    if (io.signal?.aborted) return INTERRUPTED;
    printFailure(out, error, debug);
    return exitCodeOf(error, module);
  }
}

// No flag before the command takes a value, so the first other word is the command.
function withoutAliases(argv: readonly string[]): string[] {
  const at = argv.findIndex((word) => !word.startsWith('-'));
  return argv.map((word, index) => (index === at && Object.hasOwn(ALIASES, word) ? (ALIASES[word] ?? word) : word));
}

function calledCommand(argv: readonly string[]): string | undefined {
  const [first, second] = argv.filter((word) => !word.startsWith('-'));
  const name = first === 'help' ? second : first;
  return name !== undefined && Object.hasOwn(COMMANDS, name) ? name : undefined;
}

type Flags = { autoConfirm: boolean; debug: boolean; interactive: boolean };

function createProgram(
  io: Io,
  out: Output,
  called: string | undefined,
  module: CommandModule | undefined,
  onFlags: (flags: Flags) => void,
): Command {
  let flags: Flags = { autoConfirm: false, debug: false, interactive: true };
  const { version } = installedPackage();
  const program = new Command('nango')
    .description('Nango-style integrations as durable Temporal workflows.')
    .usage('<command> [options]')
    .version(version, '-v, --version', 'print the version')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })
    .hook('preAction', (_program, command) => {
      flags = mergeFlags(program.opts(), command.opts());
      onFlags(flags);
    });
  withGlobalFlags(program, true);
  program.showHelpAfterError("'nango --help' lists the commands.");
  const context = createContext(io, out, version, () => flags);
  for (const [name, { summary, isHidden = false }] of Object.entries(COMMANDS)) {
    const command = program.command(name, { hidden: isHidden }).description(summary);
    if (name !== called) continue;
    module?.define(command, context);
    for (const leaf of command.commands.length === 0 ? [command] : command.commands) {
      withGlobalFlags(leaf, module?.asks === true);
      const words = leaf === command ? name : `${name} ${leaf.name()}`;
      leaf.showHelpAfterError(`Usage: nango ${words} ${leaf.usage()}\n'nango ${words} --help' explains it.`);
    }
  }
  addRefused(program);
  return program;
}

function createContext(io: Io, out: Output, version: string, flags: () => Flags): CommandContext {
  const home = resolve(io.cwd, io.env['NANGO_INTEGRATIONS_LOCATION'] ?? '');
  const foundProject = () => findProject(home);
  const settings = () => readSettings(io.cwd, io.env, foundProject());
  return {
    io,
    out,
    flags: () => ({ ...flags(), autoConfirm: flags().autoConfirm || io.env['NANGO_DEPLOY_AUTO_CONFIRM'] === 'true' }),
    commands: Object.keys(COMMANDS).filter((name) => COMMANDS[name]?.isHidden !== true),
    isInteractive: () => io.isTty && flags().interactive && !io.env['CI'],
    foundProject,
    project: () => requireProject(home),
    settings,
    client: (environment) =>
      createClient({ settings: settings(), environment, version, signal: io.signal, during: out.during }),
  };
}

// Taken everywhere, as users' scripts pass it, and shown where something is asked.
function withGlobalFlags(command: Command, asks: boolean): void {
  command
    .addOption(new Option('--auto-confirm', 'answer questions with yes').hideHelp(!asks))
    .option('--no-interactive', 'ask nothing')
    .option('--debug', 'show stacks of failures')
    // Flags of the incumbent's CLI that have nothing to switch off here, so that its users' scripts go on working.
    .addOption(new Option('--no-dependency-update').hideHelp())
    .addOption(new Option('--no-telemetry').hideHelp());
}

// A flag may stand before or behind the command.
function mergeFlags(before: Record<string, unknown>, behind: Record<string, unknown>): Flags {
  return {
    autoConfirm: before['autoConfirm'] === true || behind['autoConfirm'] === true,
    debug: before['debug'] === true || behind['debug'] === true,
    interactive: before['interactive'] !== false && behind['interactive'] !== false,
  };
}

function isCancelledQuestion(error: unknown): boolean {
  return error instanceof Error && (error.name === 'ExitPromptError' || error.name === 'AbortPromptError');
}

function printFailure(out: Output, error: unknown, debug: boolean): void {
  if (failureCode(error) === undefined) {
    const text = error instanceof Error ? error.message : String(error);
    out.note(out.style('red', `Unexpected failure: ${text}`) + (debug ? '' : ' (--debug shows where)'));
  } else {
    const { message, details } = error as EngineError;
    for (const line of details.mistakes ?? [message]) out.note(out.style('red', line));
  }
  if (debug && error instanceof Error) out.note(stackOf(error));
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}

function exitCodeOf(error: unknown, module: CommandModule | undefined): number {
  const code = failureCode(error);
  return (code === undefined ? undefined : EXIT_CODES[code]) ?? module?.failureExitCode ?? 1;
}
