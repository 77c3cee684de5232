import type { CommandModule } from '../command.ts';
import { withExample, withJson } from '../command.ts';
import type { CompiledProject } from '../build.ts';
import { compileProject } from '../compile.ts';
import { count } from '../output.ts';
import { noteWarnings } from '../warnings.ts';

export const failureExitCode = 10;

export const define: CommandModule['define'] = (command, { io, out, project }) => {
  withExample(withJson(command), 'nango compile').action(async (flags: { readonly json?: boolean }) => {
    const place = project();
    const compiled = out.during('Compiling', () => compileProject(place, { signal: io.signal }));
    if (flags.json) return out.json(await asJson(compiled));
    const { scripts, warnings } = await compiled;
    noteWarnings(out, warnings);
    const of = (kind: string) => scripts.filter((script) => script.kind === kind).length;
    const onEvents = of('on-event');
    const events = onEvents === 0 ? '' : ` and ${count(onEvents, 'on-event script')}`;
    out.line(`Compiled ${count(of('sync'), 'sync')} and ${count(of('action'), 'action')}${events} without mistakes.`);
  });
};

/** Mistakes stay what they are, lines on stderr and the exit code. */
async function asJson(compiled: Promise<CompiledProject>): Promise<unknown> {
  const { scripts, warnings } = await compiled;
  return {
    scripts: scripts.map(({ kind, integration, name, file }) => ({ kind, integration, name, file })),
    warnings,
  };
}
