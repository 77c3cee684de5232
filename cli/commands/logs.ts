import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '../client.ts';
import type { CommandContext, CommandModule } from '../command.ts';
import { withEnvironment, withExample, withJson } from '../command.ts';
import { oneLine } from '../output.ts';
import {
  errorText,
  fetchRun,
  hasEnded,
  type LogLine,
  printLogLine,
  type Run,
  type RunWithLogs,
  readLogs,
} from '../runs.ts';

type Flags = {
  readonly environment: string;
  readonly json?: boolean;
  readonly follow?: boolean;
  readonly integrationId?: string;
  readonly limit: string;
};
type Filter = { readonly name: string; readonly provider_config_key?: string; readonly connection_id?: string };
/** Whose lines are wanted. */
type Source = {
  readonly what: string;
  readonly runs: () => Promise<readonly Run[]>;
  /** Whether no further runs may come. */
  readonly isOneRun: boolean;
};

const POLL_MS = 1_000;
const RUN_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const define: CommandModule['define'] = (command, context) => {
  command
    .argument('<sync-or-run>', 'the name of a sync or an action, or the id of a run')
    .argument('[connection]', 'only runs of this connection')
    .option('-f, --follow', 'go on with new lines until Ctrl-C')
    .option('-i, --integration-id <id>', 'only runs of this integration')
    .option('--limit <runs>', 'of how many runs, the newest', '5');
  withExample(
    withJson(withEnvironment(command)),
    'nango logs tasks acme --follow',
    'nango logs 0193f6c2-5c1e-7d5b-9a1f-3f0a5e0c1d2b',
  ).action(async (name: string, connection: string | undefined, flags: Flags) => {
    const client = context.client(flags.environment);
    const filter = {
      name,
      ...(flags.integrationId === undefined ? {} : { provider_config_key: flags.integrationId }),
      ...(connection === undefined ? {} : { connection_id: connection }),
    };
    const source = RUN_ID.test(name) ? oneRun(client, name) : runsOf(client, filter, flags.limit);
    if (flags.json && !flags.follow) return printJson(context, client, source);
    await printLines(context, client, source, flags).catch((error: unknown) => {
      // Ctrl-C is how following ends, so it is no failure.
      if (flags.follow !== true || context.io.signal?.aborted !== true) throw error;
    });
  });
};

async function printJson({ out }: CommandContext, client: Client, source: Source): Promise<void> {
  const runs: RunWithLogs[] = [];
  for (const run of await source.runs()) {
    const logs: LogLine[] = [];
    runs.push({ ...(await readLogs(client, run.id, 0, (lines) => logs.push(...lines))), logs });
  }
  out.json({ runs });
}

/** Prints what there is; with --follow it goes on with the runs under way and those that begin, or to the end of the one. */
async function printLines(context: CommandContext, client: Client, source: Source, flags: Flags): Promise<void> {
  const { out, io } = context;
  const positions = new Map<string, number>();
  const done = new Set<string>();
  for (let round = 0; ; round += 1) {
    const runs = (await source.runs()).filter((run) => !done.has(run.id));
    for (const run of runs) {
      if (!positions.has(run.id)) announce(context, run, flags);
      const print = (lines: readonly LogLine[]) => {
        for (const line of lines)
          flags.json ? out.line(JSON.stringify({ run: run.id, ...line })) : printLogLine(out, line, prefixOf(run));
      };
      const seen = await readLogs(client, run.id, positions.get(run.id) ?? 0, print);
      positions.set(run.id, seen.logs_after);
      if (!hasEnded(seen)) continue;
      done.add(run.id);
      if (!flags.json) out.line(`${prefixOf(run)}${seen.finished_at ?? ''} ${seen.state} ${errorText(seen)}`.trimEnd());
    }
    if (round === 0 && positions.size === 0)
      out.note(`No runs of '${source.what}' yet: 'nango runs' lists those of all scripts.`);
    if (!flags.follow || (source.isOneRun && done.size > 0)) return;
    await pause(POLL_MS, undefined, io.signal === undefined ? {} : { signal: io.signal });
  }
}

function runsOf(client: Client, filter: Filter, limit: string): Source {
  return {
    what: filter.name,
    runs: async () => {
      const { runs } = await client.call<{ runs: Run[] }>('GET', '/runs', { query: { ...filter, limit } });
      return runs.toReversed();
    },
    isOneRun: false,
  };
}

function oneRun(client: Client, id: string): Source {
  return { what: id, runs: async () => [await fetchRun(client, id)], isOneRun: true };
}

function announce({ out }: CommandContext, run: Run, flags: Flags): void {
  if (!flags.json) out.line(out.style('bold', `${prefixOf(run)}run ${run.id} (${run.started_by})`));
}

function prefixOf(run: Run): string {
  return `[${oneLine(run.connection_id)}] `;
}
