import { Button, Group, NativeSelect, Stack, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import { connectionHeaders, search } from '../api.ts';
import { useRead } from '../environment.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Moment } from '../parts/moment.tsx';
import { State } from '../parts/state.tsx';
import { type Columns, DataTable } from '../parts/table.tsx';
import type { StoredRecord, SyncStatus } from '../shapes.ts';
import type { Address } from './connection.tsx';

const PAGE = 50;
/** More of a payload than this is shown on request: a page of many megabytes stops a browser. */
const SHOWN_CHARACTERS = 100_000;
const PREVIEW_CHARACTERS = 160;

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

function Browser({ at, models }: { readonly at: Address; readonly models: readonly string[] }) {
  const [model, setModel] = useState(models[0] ?? '');
  const [action, setAction] = useState('');
  const [typed, setTyped] = useState('');
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const [open, setOpen] = useState<StoredRecord | null>(null);
  const [id] = useDebouncedValue(typed.trim(), 250);
  const query = search({ model, filter: action, ids: id, cursor: cursors.at(-1), limit: PAGE });
  const records = useRead<{ records: StoredRecord[]; next_cursor: string | null }>(`/records${query}`, {
    live: true,
    keep: true,
    headers: connectionHeaders(at),
  });
  const restart = (change: () => void) => {
    change();
    setCursors([]);
  };
  const columns: Columns<StoredRecord> = [
    {
      header: 'Id',
      accessorFn: (row) => String(row.id),
      cell: ({ row }) => (
        <Button
          variant="subtle"
          color="gray"
          c="var(--mantine-color-anchor)"
          size="compact-sm"
          onClick={() => setOpen(row.original)}
        >
          {String(row.original.id)}
        </Button>
      ),
    },
    {
      header: 'Last action',
      accessorFn: (row) => row._nango_metadata.last_action,
      cell: ({ getValue }) => <State of={String(getValue())} />,
    },
    {
      header: 'Changed',
      accessorFn: (row) => row._nango_metadata.last_modified_at,
      cell: ({ getValue }) => <Moment at={String(getValue())} />,
    },
    {
      header: 'Payload',
      enableSorting: false,
      accessorFn: (row) => row.id,
      cell: ({ row }) => (
        <Text size="xs" ff="monospace" className="odd-name">
          {preview(row.original)}
        </Text>
      ),
    },
  ];
  return (
    <Stack>
      <Group align="flex-end">
        <NativeSelect
          label="Model"
          data={[...models]}
          value={model}
          onChange={(event) => restart(() => setModel(event.currentTarget.value))}
        />
        <NativeSelect
          label="Last action"
          data={[{ value: '', label: 'Any' }, 'added', 'updated', 'deleted']}
          value={action}
          onChange={(event) => restart(() => setAction(event.currentTarget.value))}
        />
        <TextInput
          label="Id"
          placeholder="The whole id"
          value={typed}
          onChange={(event) => restart(() => setTyped(event.currentTarget.value))}
        />
      </Group>
      <Answer of={records}>
        {({ records: rows, next_cursor: next }) => (
          <>
            {rows.length === 0 ? (
              <Empty title="No record matches">A sync saves records with nango.batchSave; trigger it to run now.</Empty>
            ) : (
              <DataTable label="Records" rows={rows} columns={columns} keyOf={(row) => row._nango_metadata.cursor} />
            )}
            <Group>
              <Button
                variant="default"
                size="xs"
                disabled={cursors.length === 0}
                onClick={() => setCursors(cursors.slice(0, -1))}
              >
                Previous
              </Button>
              <Button
                variant="default"
                size="xs"
                disabled={next === null}
                onClick={() => next && setCursors([...cursors, next])}
              >
                Next
              </Button>
            </Group>
          </>
        )}
      </Answer>
      <Dialog
        isOpen={open !== null}
        close={() => setOpen(null)}
        size="xl"
        title={open === null ? '' : `${model} ${open.id}`}
      >
        {open && <Payload of={open} />}
      </Dialog>
    </Stack>
  );
}

function Payload({ of: { _nango_metadata: metadata, ...payload } }: { readonly of: StoredRecord }) {
  const [all, setAll] = useState(false);
  const text = JSON.stringify(payload, null, 2);
  const isCut = !all && text.length > SHOWN_CHARACTERS;
  return (
    <Stack>
      <Text size="sm">
        <State of={metadata.last_action} /> <Moment at={metadata.last_modified_at} />, first seen{' '}
        <Moment at={metadata.first_seen_at} />
      </Text>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by the keyboard */}
      <pre className="code" tabIndex={0}>
        {isCut ? text.slice(0, SHOWN_CHARACTERS) : text}
      </pre>
      {isCut && (
        <Button variant="default" size="xs" onClick={() => setAll(true)}>
          Show all {(text.length / 1_000_000).toFixed(1)} million characters
        </Button>
      )}
    </Stack>
  );
}

function preview({ _nango_metadata: _, id: __, ...rest }: StoredRecord): string {
  const text = JSON.stringify(rest);
  return text.length > PREVIEW_CHARACTERS ? `${text.slice(0, PREVIEW_CHARACTERS)}…` : text;
}
