import { Button, Checkbox, Group, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState } from 'react';
import { search } from '../api.ts';
import { useAsk, useEnvironment, useRead } from '../environment.ts';
import { useAct } from '../parts/act.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Go } from '../parts/go.tsx';
import { Moment } from '../parts/moment.tsx';
import { State } from '../parts/state.tsx';
import { type Columns, DataTable } from '../parts/table.tsx';
import type { SyncStatus } from '../shapes.ts';
import type { Address } from './connection-address.ts';

type Row = SyncStatus & { readonly at: Address };

const COLUMNS: Columns<Row> = [
  {
    header: 'Sync',
    accessorKey: 'name',
    cell: ({ row: { original } }) => (
      <Text size="sm" fw={600} className="odd-name">
        {original.name}
        {original.variant === 'base' ? '' : `::${original.variant}`}
      </Text>
    ),
  },
  { header: 'Status', accessorKey: 'status', cell: ({ row }) => <Status of={row.original} /> },
  { header: 'Runs', accessorKey: 'frequency' },
  {
    header: 'Last run',
    accessorKey: 'finishedAt',
    cell: ({ row }) => <Moment at={row.original.finishedAt} none="never" />,
  },
  {
    header: 'Next run',
    accessorKey: 'nextScheduledSyncAt',
    cell: ({ row }) => <NextRun of={row.original} />,
  },
  {
    header: 'Records',
    enableSorting: false,
    accessorFn: ({ recordCount }) => recordCount,
    cell: ({ row }) =>
      Object.entries(row.original.recordCount).map(([model, live]) => (
        <Text key={model} size="sm" style={{ whiteSpace: 'nowrap' }}>
          {live.toLocaleString('en')} {model}
        </Text>
      )),
  },
  { id: 'do', header: 'Do', enableSorting: false, cell: ({ row }) => <Switches of={row.original} /> },
];

/** The syncs of one connection: what each does, when it runs next, and the switches for it. */
export function ConnectionSyncs({ at }: { readonly at: Address }) {
  const path = `/sync/status${search({ syncs: '*', provider_config_key: at.integration, connection_id: at.connection })}`;
  const status = useRead<{ syncs: SyncStatus[] }>(path, { live: true });
  return (
    <Answer of={status}>
      {({ syncs }) =>
        syncs.length === 0 ? (
          <Empty title="No sync is deployed for this integration" command="nango deploy dev">
            Each sync you deploy runs for this connection from then on.
          </Empty>
        ) : (
          <DataTable
            label="Syncs"
            rows={syncs.map((sync) => ({ ...sync, at }))}
            columns={COLUMNS}
            keyOf={(row) => row.id}
          />
        )
      }
    </Answer>
  );
}

function NextRun({ of }: { readonly of: Row }) {
  return (
    <>
      <Moment at={of.nextScheduledSyncAt} />
      {of.backs_off && (
        <Text size="xs" c="dimmed">
          less often after {of.failures_in_a_row} failures in a row
        </Text>
      )}
    </>
  );
}

function Status({ of }: { readonly of: Row }) {
  const env = useEnvironment();
  return (
    <>
      {of.run_id === null ? (
        <State of={of.status} />
      ) : (
        <Go to="/env/$env/runs/$run" params={{ env, run: of.run_id }} c="inherit">
          <State of={of.status} />
        </Go>
      )}
      {of.resumeAt && (
        <Text size="xs" c="dimmed">
          goes on <Moment at={of.resumeAt} />
        </Text>
      )}
      {(of.waitReason ?? of.error?.message) && (
        <Text size="xs" c="dimmed" lineClamp={2} maw={260} className="odd-name">
          {of.waitReason ?? of.error?.message}
        </Text>
      )}
    </>
  );
}

function Switches({ of }: { readonly of: Row }) {
  const ask = useAsk();
  const name = of.variant === 'base' ? of.name : { name: of.name, variant: of.variant };
  const body = { syncs: [name], provider_config_key: of.at.integration, connection_id: of.at.connection };
  const trigger = useAct(() => ask<{ runs: { state: string }[] }>('POST', '/sync/trigger', { body }), {
    done: ({ runs }) => (runs[0]?.state === 'joined' ? `${of.name} runs already` : `${of.name} was started`),
  });
  const pause = useAct(() => ask('POST', '/sync/pause', { body }), { done: `${of.name} is paused` });
  const start = useAct(() => ask('POST', '/sync/start', { body }), { done: `${of.name} goes on` });
  const cancel = useAct(() => ask('POST', `/runs/${of.run_id}/cancel`), { done: `The run of ${of.name} is cancelled` });
  const isUnderWay = of.run_id !== null && (of.status === 'RUNNING' || of.status === 'WAITING');
  const props = { size: 'compact-xs', variant: 'default' } as const;
  return (
    <Group gap={4} wrap="nowrap">
      <Button {...props} aria-label={`Trigger ${of.name}`} loading={trigger.isPending} onClick={() => trigger.mutate()}>
        Trigger
      </Button>
      {of.status === 'PAUSED' ? (
        <Button {...props} aria-label={`Start ${of.name}`} loading={start.isPending} onClick={() => start.mutate()}>
          Start
        </Button>
      ) : (
        <Button {...props} aria-label={`Pause ${of.name}`} loading={pause.isPending} onClick={() => pause.mutate()}>
          Pause
        </Button>
      )}
      <Reset of={of} />
      {isUnderWay && (
        <Button {...props} aria-label={`Cancel ${of.name}`} loading={cancel.isPending} onClick={() => cancel.mutate()}>
          Cancel
        </Button>
      )}
    </Group>
  );
}

/** Forgets where the sync is, and what it saved if that is wanted; asked for twice, since it cannot be undone. */
function Reset({ of }: { readonly of: Row }) {
  const ask = useAsk();
  const [isOpen, dialog] = useDisclosure(false);
  const [isEmptying, setEmptying] = useState(false);
  const name = of.variant === 'base' ? of.name : { name: of.name, variant: of.variant };
  const body = {
    syncs: [name],
    provider_config_key: of.at.integration,
    connection_id: of.at.connection,
    opts: { reset: true, emptyCache: isEmptying },
  };
  const reset = useAct(() => ask('POST', '/sync/trigger', { body }), {
    done: `${of.name} begins from the start`,
    after: dialog.close,
  });
  return (
    <>
      <Button size="compact-xs" variant="default" aria-label={`Reset ${of.name}`} onClick={dialog.open}>
        Reset
      </Button>
      <Dialog isOpen={isOpen} close={dialog.close} title={`Reset ${of.name}?`}>
        <Stack>
          <Text size="sm">
            A run under way is cancelled. The next one starts at once, without a checkpoint and without lastSyncDate, as
            the first one did.
          </Text>
          <Checkbox
            label="Delete the records it saved as well"
            checked={isEmptying}
            onChange={(event) => setEmptying(event.currentTarget.checked)}
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={dialog.close}>
              Keep it as it is
            </Button>
            <Button color="red.9" loading={reset.isPending} onClick={() => reset.mutate()}>
              Reset
            </Button>
          </Group>
        </Stack>
      </Dialog>
    </>
  );
}
