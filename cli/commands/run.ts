import type { CommandModule } from '../command.ts';
import { withEnvironment, withExample, withJson } from '../command.ts';
import { oneLine } from '../output.ts';
import { countsText, errorText, type LogLine, printLogLine, readLogs, type RunWithLogs, waitText } from '../runs.ts';

type Flags = { readonly environment: string; readonly json?: boolean };

export const define: CommandModule['define'] = (command, { out, client }) => {
  command.argument('<id>', 'the id of the run, as deploy, trigger and runs print it');
  withExample(withJson(withEnvironment(command)), 'nango run 0193f6c2-5c1e-7d5b-9a1f-3f0a5e0c1d2b').action(
    async (id: string, flags: Flags) => {
      const logs: LogLine[] = [];
      const run = await readLogs(client(flags.environment), id, 0, (lines) => logs.push(...lines));
      if (flags.json) return out.json({ ...run, logs });
      for (const [label, value] of factsOf(run)) out.line(`${label.padEnd(12)}${value}`);
      for (const line of logs) printLogLine(out, line);
    },
  );
};

function factsOf(run: RunWithLogs): [string, string][] {
  const facts: [string, string | null][] = [
    ['run', run.id],
    [run.kind, `${run.name} (${run.provider_config_key})`],
    ['connection', run.connection_id],
    ['state', run.state],
    ['waits', run.state === 'waiting' ? waitText({ until: run.resume_at, reason: run.wait_reason }) : null],
    ['started', run.started_at],
    ['finished', run.finished_at],
    ['attempts', run.attempts > 1 ? String(run.attempts) : null],
    ['requests', String(run.requests)],
    ['records', countsText(run.counts)],
    ['error', errorText(run)],
    ...(run.error?.lastCalls ?? []).map((call): [string, string] => ['called', oneLine(call)]),
    ['workflow', run.workflow_id],
    ['temporal', run.link],
  ];
  return facts.flatMap(([label, value]) => (value ? [[label, value]] : []));
}
