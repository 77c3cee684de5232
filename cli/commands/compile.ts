import type { CommandModule } from '../command.ts';
import { withExample } from '../command.ts';
import { compileProject } from '../compile.ts';
import { count } from '../output.ts';
import { noteWarnings } from '../warnings.ts';

export const failureExitCode = 10;

export const define: CommandModule['define'] = (command, { io, out, project }) => {
  withExample(command, 'nango compile').action(async () => {
    const { scripts, manifest } = await compileProject(project(), { signal: io.signal });
    noteWarnings(out, manifest);
    const syncs = scripts.filter((script) => script.kind === 'sync').length;
    out.line(`Compiled ${count(syncs, 'sync')} and ${count(scripts.length - syncs, 'action')} without mistakes.`);
  });
};
