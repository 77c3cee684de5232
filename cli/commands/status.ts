import type { CommandModule } from '../command.ts';
import { withEnvironment, withExample, withJson } from '../command.ts';
import { oneLine, type Style } from '../output.ts';
import { waitText } from '../runs.ts';

type SyncStatus = {
  readonly name: string;
  readonly variant: string;
  readonly connection_id: string;
  readonly status: string;
  readonly frequency: string | null;
  readonly finishedAt: string | null;
  readonly nextScheduledSyncAt: string | null;
  readonly recordCount: Readonly<Record<string, number>>;
  readonly resumeAt: string | null;
  readonly waitReason: string | null;
  readonly failures_in_a_row?: number;
  readonly backs_off?: boolean;
  readonly error: { readonly message: string } | null;
};
type Flags = { readonly environment: string; readonly json?: boolean };

const STYLES: Readonly<Record<string, Style>> = { SUCCESS: 'green', RUNNING: 'cyan', WAITING: 'cyan', ERROR: 'red' };

const HEADINGS = [
  'integration',
  'connection',
  'sync',
  'status',
  'frequency',
  'finished',
  'next run',
  'records',
  'note',
];

export const define: CommandModule['define'] = (command, { out, client }) => {
  command
    .argument('[integration]', 'only this integration; all of them when absent')
    .argument('[connection]', 'only this connection');
  withExample(withJson(withEnvironment(command)), 'nango status task-tracker acme').action(
    async (integration: string | undefined, connection: string | undefined, flags: Flags) => {
      const server = client(flags.environment);
      const keys = integration === undefined ? await integrationKeys(server) : [integration];
      const all: (SyncStatus & { integration: string })[] = [];
      for (const key of keys) {
        const query = { syncs: '*', provider_config_key: key, connection_id: connection };
        const { syncs } = await server.call<{ syncs: SyncStatus[] }>('GET', '/sync/status', { query });
        all.push(...syncs.map((sync) => ({ ...sync, integration: key })));
      }
      if (flags.json) return out.json({ syncs: all });
      const rows = all.map((sync) => [
        oneLine(sync.integration),
        oneLine(sync.connection_id),
        sync.variant === 'base' ? sync.name : `${sync.name}::${sync.variant}`,
        out.style(STYLES[sync.status] ?? 'dim', sync.status),
        sync.frequency ?? '',
        sync.finishedAt ?? '',
        sync.nextScheduledSyncAt ?? '',
        Object.entries(sync.recordCount)
          .map(([model, number]) => `${model} ${number}`)
          .join(', '),
        noteOf(sync),
      ]);
      out.table(
        HEADINGS,
        rows,
        `No syncs in '${flags.environment}': deploy some with 'nango deploy ${flags.environment}'.`,
      );
    },
  );
};

/** Why the sync waits, or what its last run failed for. */
function noteOf(sync: SyncStatus): string {
  if (sync.waitReason !== null) return waitText({ until: sync.resumeAt, reason: sync.waitReason });
  const error = sync.status === 'ERROR' && sync.error !== null ? oneLine(sync.error.message) : '';
  if (sync.backs_off !== true) return error;
  return `${sync.failures_in_a_row} failures in a row, so it runs less often${error === '' ? '' : `: ${error}`}`;
}

async function integrationKeys(server: {
  call: <Answer>(method: string, path: string) => Promise<Answer>;
}): Promise<string[]> {
  const { data } = await server.call<{ data: { unique_key: string }[] }>('GET', '/integrations');
  return data.map((integration) => integration.unique_key);
}
