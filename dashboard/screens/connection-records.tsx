import { Button, Group, NativeSelect, Stack, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useCallback, useMemo, useState } from 'react';
import { connectionHeaders, search } from '../api.ts';
import { useRead } from '../environment.ts';
import { usePages } from '../pages.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { LongTable } from '../parts/long-table.tsx';
import { Moment } from '../parts/moment.tsx';
import { State } from '../parts/state.tsx';
import type { Columns } from '../parts/table.tsx';
import type { RecordPreview, StoredRecord, SyncStatus } from '../shapes.ts';
import type { Address } from './connection-address.ts';
import { RecordHistory, RecordTree } from './record.tsx';

const PAGE = 100;

/** The records that the syncs of a connection saved, in the order in which they changed. */
export function ConnectionRecords({ at }: { readonly at: Address }) {
  const path = `/sync/status${search({ syncs: '*', provider_config_key: at.integration, connection_id: at.connection })}`;
  const status = useRead<{ syncs: SyncStatus[] }>(path, { live: true });
  return (
    <Answer of={status}>
      {({ syncs }) => {
        const models = [...new Set(syncs.flatMap((sync) => Object.keys(sync.recordCount)))];
        return models.length === 0 ? (
          <Empty title="No sync of this connection saves records" command="nango deploy dev" />
        ) : (
          <Browser at={at} models={models} />
        );
      }}
    </Answer>
  );
}

type RecordsPage = { readonly records: readonly RecordPreview[]; readonly next_cursor: string | null };
const rowsOf = ({ records }: RecordsPage) => records;
/** The end is known by an empty page alone. */
const nextOf = ({ next_cursor: next }: RecordsPage) => next;
const keyOf = (row: RecordPreview) => row.cursor;

function Browser({ at, models }: { readonly at: Address; readonly models: readonly string[] }) {
  const [model, setModel] = useState(models[0] ?? '');
  const [action, setAction] = useState('');
  const [typed, setTyped] = useState('');
  const [open, setOpen] = useState<RecordPreview | null>(null);
  const [id] = useDebouncedValue(typed.trim(), 250);
  const { more, ...records } = usePages({
    path: (cursor) => `/dashboard/records${search({ model, filter: action, id, cursor, limit: PAGE })}`,
    headers: connectionHeaders(at),
    size: 1,
    live: 'live',
    rowsOf,
    nextOf,
  });
  const columns = useMemo(() => columnsOf(setOpen), []);
  const close = useCallback(() => setOpen(null), []);
  return (
    <Stack>
      <Group align="flex-end">
        <NativeSelect
          label="Model"
          data={[...models]}
          value={model}
          onChange={(event) => setModel(event.currentTarget.value)}
        />
        <NativeSelect
          label="Last action"
          data={[{ value: '', label: 'Any' }, 'added', 'updated', 'deleted']}
          value={action}
          onChange={(event) => setAction(event.currentTarget.value)}
        />
        <TextInput
          label="Id"
          placeholder="The whole id"
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
      </Group>
      <Answer of={records}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title="No record matches">A sync saves records with nango.batchSave; trigger it to run now.</Empty>
          ) : (
            <LongTable label="Records" rows={rows} columns={columns} keyOf={keyOf} more={more} />
          )
        }
      </Answer>
      <Dialog isOpen={open !== null} close={close} size="xl" title={open === null ? '' : `${model} ${open.id}`}>
        {open && <OneRecord at={at} model={model} of={open} />}
      </Dialog>
    </Stack>
  );
}

function columnsOf(open: (record: RecordPreview) => void): Columns<RecordPreview> {
  return [
    {
      header: 'Id',
      accessorFn: (row) => String(row.id),
      cell: ({ row }) => (
        <Button
          variant="subtle"
          color="gray"
          c="var(--mantine-color-anchor)"
          size="compact-sm"
          onClick={() => open(row.original)}
        >
          {String(row.original.id)}
        </Button>
      ),
    },
    { header: 'Last action', accessorKey: 'last_action', cell: ({ getValue }) => <State of={String(getValue())} /> },
    { header: 'Changed', accessorKey: 'last_modified_at', cell: ({ getValue }) => <Moment at={String(getValue())} /> },
    {
      header: 'Payload',
      accessorKey: 'preview',
      cell: ({ getValue }) => (
        <Text size="xs" ff="monospace" className="odd-name">
          {String(getValue())}
        </Text>
      ),
    },
  ];
}

/** The whole of a record as it is now, though the list may have been read before. */
function OneRecord({ at, model, of }: { readonly at: Address; readonly model: string; readonly of: RecordPreview }) {
  const path = `/records${search({ model, ids: String(of.id), limit: 1 })}`;
  const found = useRead<{ records: StoredRecord[] }>(path, { live: true, keep: true, headers: connectionHeaders(at) });
  return (
    <Answer of={found}>
      {({ records: [record] }) => {
        if (record === undefined) return <Empty title="This record is not there any more" />;
        const { _nango_metadata: metadata, ...payload } = record;
        return (
          <Stack>
            <RecordHistory of={metadata} />
            <RecordTree of={payload} />
          </Stack>
        );
      }}
    </Answer>
  );
}
