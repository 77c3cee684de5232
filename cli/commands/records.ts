import type { CommandModule } from '../command.ts';
import { withEnvironment, withExample, withJson } from '../command.ts';
import { oneLine } from '../output.ts';

type Metadata = { readonly last_action: string; readonly last_modified_at: string };
type Page = {
  readonly records: readonly (Record<string, unknown> & { readonly _nango_metadata: Metadata })[];
  readonly next_cursor: string | null;
};
type Flags = {
  readonly environment: string;
  readonly json?: boolean;
  readonly limit: string;
  readonly cursor?: string;
  readonly modifiedAfter?: string;
  readonly filter?: string;
};

export const define: CommandModule['define'] = (command, { out, client }) => {
  command
    .argument('<integration>', 'the id of the integration')
    .argument('<connection>', 'the id of the connection')
    .argument('<model>', 'the name of the model')
    .option('--limit <number>', 'how many records', '100')
    .option('--cursor <cursor>', 'go on behind this cursor')
    .option('--modified-after <time>', 'only what changed after this ISO time')
    .option('--filter <actions>', 'only added, updated, deleted (several with commas)');
  withExample(withJson(withEnvironment(command)), 'nango records task-tracker acme Task --filter added,updated').action(
    async (integration: string, connection: string, model: string, flags: Flags) => {
      const page = await client(flags.environment).call<Page>('GET', '/records', {
        headers: { 'provider-config-key': integration, 'connection-id': connection },
        query: {
          model,
          limit: flags.limit,
          cursor: flags.cursor,
          modified_after: flags.modifiedAfter,
          filter: flags.filter,
        },
      });
      if (flags.json) return out.json(page);
      const rows = page.records.map(({ _nango_metadata: metadata, ...payload }) => [
        oneLine(String(payload['id'])),
        metadata.last_action,
        metadata.last_modified_at,
        oneLine(JSON.stringify(payload)),
      ]);
      out.table(
        ['id', 'action', 'modified', 'record'],
        rows,
        `No records of '${model}' for connection '${connection}'.`,
      );
      if (page.next_cursor !== null) out.note(`More follow: --cursor ${page.next_cursor}`);
    },
  );
};
