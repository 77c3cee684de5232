import type { CommandModule } from '../command.ts';
import { withEnvironment, withExample, withJson } from '../command.ts';
import { oneLine } from '../output.ts';
import { outcomeText, type Run } from '../runs.ts';

type Flags = {
  readonly environment: string;
  readonly json?: boolean;
  readonly integrationId?: string;
  readonly connection?: string;
  readonly limit: string;
};

export const define: CommandModule['define'] = (command, { out, client }) => {
  command
    .argument('[name]', 'only runs of this sync or action')
    .option('-i, --integration-id <id>', 'only those of this integration')
    .option('-c, --connection <id>', 'only those of this connection')
    .option('--limit <number>', 'how many runs', '20');
  withExample(withJson(withEnvironment(command)), 'nango runs tasks --limit 5').action(
    async (name: string | undefined, flags: Flags) => {
      const query = {
        name,
        provider_config_key: flags.integrationId,
        connection_id: flags.connection,
        limit: flags.limit,
      };
      const answer = await client(flags.environment).call<{ runs: Run[] }>('GET', '/runs', { query });
      if (flags.json) return out.json(answer);
      const rows = answer.runs.map((run) => [
        run.id,
        run.kind,
        run.name,
        oneLine(run.connection_id),
        run.state,
        run.started_at ?? run.created_at,
        outcomeText(run),
      ]);
      out.table(['run', 'kind', 'name', 'connection', 'state', 'started', 'outcome'], rows, 'No runs.');
    },
  );
};
