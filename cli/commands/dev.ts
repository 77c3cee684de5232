import { join } from 'node:path';
import { Option } from 'commander';
import { watch } from 'chokidar';
import { EngineError, failureCode } from '../../contract/failures.ts';
import { SANDBOX_TYPES_FILE } from '../../manifest/sandbox-types.ts';
import type { CommandContext, CommandModule } from '../command.ts';
import { withExample, withInterfaces } from '../command.ts';
import { type Builder, createBuilder } from '../incremental.ts';
import { dryRun } from './dryrun.ts';
import { declaringFile, type Project } from '../project.ts';
import { placeIn } from '../place.ts';

/** Editors write a file in several steps and several files at once: what comes within this time is one change. */
const QUIET_MS = 30;

export const define: CommandModule['define'] = (command, context) => {
  command
    .option('--run <script...>', 'dry-run this script, for this connection, after each build without mistakes')
    .addOption(new Option('--connection <id>', 'the connection for --run').hideHelp())
    .option('-e, --environment <name>', 'environment on the server for --run', 'dev');
  withExample(withInterfaces(command), 'nango dev', 'nango dev --run tasks acme').action((flags: Flags) => {
    const project = context.project();
    return develop(context, project, createBuilder(project, flags.compileInterfaces), afterBuild(context, flags));
  });
};

type Flags = {
  readonly run?: readonly string[];
  readonly connection?: string;
  readonly environment: string;
  readonly compileInterfaces: boolean;
};

/** What follows a build without mistakes; a run that fails is shown like a mistake and ends nothing. */
function afterBuild(context: CommandContext, { run, connection, environment }: Flags): () => Promise<void> {
  if (run === undefined) return async () => undefined;
  const [script = '', id = connection, ...more] = run;
  if (id === undefined || more.length > 0)
    throw new EngineError(
      'invalid_body',
      `'${run.join(' ')}' of --run: expected a script and a connection, such as '--run tasks acme'.`,
    );
  return async () => {
    await dryRun(context, script, id, { environment }).catch((error: unknown) => {
      if (failureCode(error) === undefined) throw error;
      const { message, details } = error as EngineError;
      for (const line of details.mistakes ?? [message]) context.out.line(context.out.style('red', line));
    });
  };
}

/** Builds, then builds again after each change, until Ctrl-C. Mistakes are shown and never end it. */
async function develop(
  context: CommandContext,
  project: Project,
  builder: Builder,
  next: () => Promise<void>,
): Promise<void> {
  const { out, io } = context;
  const watcher = watch(project.folder, { ignoreInitial: true, ignored: isIgnored(project.folder) });
  const stopped = Promise.withResolvers<void>();
  const changed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let building: Promise<void> | undefined;

  const build = async () => {
    while (changed.size > 0) {
      const files = [...changed];
      changed.clear();
      await out
        .during('Building', () => builder.build(files))
        .then(
          async ({ mistakes, summary, isGood }) => {
            for (const mistake of mistakes) out.line(out.style('red', mistake));
            out.line(summary);
            if (isGood) await next();
          },
          (error: unknown) => {
            if (failureCode(error) === undefined) throw error;
            out.line(out.style('red', (error as Error).message));
          },
        );
    }
  };
  const later = (path: string) => {
    changed.add(placeIn(project.folder, path));
    clearTimeout(timer);
    timer = setTimeout(() => {
      // One build at a time: changes that come meanwhile are taken up by the loop that is running.
      building ??= build()
        .catch(stopped.reject)
        .finally(() => (building = undefined));
    }, QUIET_MS);
  };

  io.signal?.addEventListener('abort', () => stopped.resolve(), { once: true });
  if (io.signal?.aborted) stopped.resolve();
  watcher.on('all', (_event, path) => later(path)).on('error', stopped.reject);
  await new Promise<void>((ready) => watcher.once('ready', ready));
  later(join(project.folder, declaringFile(project)));
  out.line(`Watching ${project.folder} (Ctrl-C ends it)`);
  try {
    await stopped.promise;
  } finally {
    clearTimeout(timer);
    await watcher.close();
    await building;
    await builder.close();
  }
}

function isIgnored(folder: string): (path: string) => boolean {
  return (path) => {
    const inside = path.slice(folder.length + 1);
    if (inside === '') return false;
    // Written by the build itself.
    if (inside === 'models.ts' || inside === SANDBOX_TYPES_FILE) return true;
    if (/(^|[\\/])(node_modules|dist|build|\.[^\\/]*)([\\/]|$)/.test(inside)) return true;
    // Folders and files without an ending pass: what they hold is judged when it is seen.
    return /\.[^\\/.]+$/.test(inside) && !/\.(ts|json|ya?ml)$/.test(inside);
  };
}
