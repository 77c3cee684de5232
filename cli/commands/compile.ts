import type { CommandModule } from '../command.ts';
import { withExample } from '../command.ts';
import { compileProject } from '../compile.ts';
import { count } from '../output.ts';
import { noteWarnings } from '../warnings.ts';

export const failureExitCode = 10;

export const define: CommandModule['define'] = (command, { io, out, project }) => {
  withExample(command, 'nango compile').action(async () => {
    const { scripts, warnings } = await compileProject(project(), { signal: io.signal });
    noteWarnings(out, warnings);
    const of = (kind: string) => scripts.filter((script) => script.kind === kind).length;
    const onEvents = of('on-event');
    const events = onEvents === 0 ? '' : ` and ${count(onEvents, 'on-event script')}`;
    out.line(`Compiled ${count(of('sync'), 'sync')} and ${count(of('action'), 'action')}${events} without mistakes.`);
  });
};
