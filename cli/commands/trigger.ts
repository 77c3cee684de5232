import type { CommandModule } from '../command.ts';
import { withEnvironment, withExample, withJson } from '../command.ts';
import { oneLine } from '../output.ts';

type Triggered = {
  readonly sync: string;
  readonly connection_id: string;
  readonly state: 'started' | 'joined' | 'queued';
  readonly run_id: string;
  readonly link: string | null;
  readonly cancelled_run_id?: string;
};
type Flags = { readonly environment: string; readonly json?: boolean; readonly reset?: boolean };

const MEANINGS = {
  started: 'started run',
  joined: 'is running already: joined run',
  queued: 'waits for Temporal to be back: queued run',
} as const satisfies Record<Triggered['state'], string>;

export const define: CommandModule['define'] = (command, { out, client }) => {
  command
    .argument('<integration>', 'the id of the integration')
    .argument('<sync>', 'the name of the sync')
    .argument('<connection>', 'the id of the connection')
    .option('--reset', 'forget lastSyncDate and checkpoint first; a run that is under way is cancelled');
  withExample(withJson(withEnvironment(command)), 'nango trigger task-tracker tasks acme').action(
    async (integration: string, sync: string, connection: string, flags: Flags) => {
      const opts = flags.reset === true && { opts: { reset: true } };
      const body = { provider_config_key: integration, connection_id: connection, syncs: [sync], ...opts };
      const answer = await client(flags.environment).call<{ runs: Triggered[] }>('POST', '/sync/trigger', { body });
      if (flags.json) return out.json(answer);
      for (const run of answer.runs) {
        if (run.cancelled_run_id) out.line(`Cancelled run ${run.cancelled_run_id}, which was under way.`);
        out.line(
          oneLine(
            `Sync '${run.sync}' of '${run.connection_id}' ${MEANINGS[run.state]} ${run.run_id}${run.link ? `  ${run.link}` : ''}`,
            1_000,
          ),
        );
      }
    },
  );
};
