import { Button, Group, NativeSelect, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { search } from '../api.ts';
import { useRead } from '../environment.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { ConnectionLink } from '../parts/connection-link.tsx';
import { Moment } from '../parts/moment.tsx';
import { Page } from '../parts/page.tsx';
import { State } from '../parts/state.tsx';
import { type Columns, DataTable } from '../parts/table.tsx';
import type { Integration, ListedConnection } from '../shapes.ts';

const PAGE = 50;

const COLUMNS: Columns<ListedConnection> = [
  { header: 'Connection', accessorKey: 'connection_id', cell: ({ row }) => <ConnectionLink of={row.original} /> },
  { header: 'Integration', accessorKey: 'provider_config_key' },
  {
    header: 'Customer',
    accessorFn: ({ end_user }) => end_user?.display_name ?? end_user?.email ?? end_user?.id ?? '',
    cell: ({ getValue }) => <span className="odd-name">{String(getValue()) || '–'}</span>,
  },
  {
    header: 'Status',
    accessorFn: ({ errors }) => (errors.length === 0 ? 'ok' : 'error'),
    cell: ({ row }) =>
      row.original.errors.length === 0 ? <State of="ok" /> : <State of="error" says="sign in again" />,
  },
  { header: 'Created', accessorKey: 'created', cell: ({ row }) => <Moment at={row.original.created} /> },
];

export function ConnectionsScreen() {
  const { integration = '' } = useSearch({ strict: false });
  const navigate = useNavigate({ from: '/env/$env/connections' });
  const [typed, setTyped] = useState('');
  const [page, setPage] = useState(0);
  const [wanted] = useDebouncedValue(typed, 250);
  const integrations = useRead<{ data: Integration[] }>('/integrations');
  const query = search({ search: wanted, integrationId: integration, limit: PAGE, page });
  const connections = useRead<{ connections: ListedConnection[] }>(`/connections${query}`, { live: true, keep: true });
  return (
    <Page title="Connections">
      <Group align="flex-end">
        <TextInput
          label="Search"
          placeholder="Id, name or address"
          value={typed}
          onChange={(event) => {
            setTyped(event.currentTarget.value);
            setPage(0);
          }}
        />
        <NativeSelect
          label="Integration"
          value={integration}
          data={[{ value: '', label: 'All' }, ...(integrations.data?.data ?? []).map(({ unique_key }) => unique_key)]}
          onChange={(event) => {
            setPage(0);
            const chosen = event.currentTarget.value;
            void navigate({ search: chosen === '' ? {} : { integration: chosen }, replace: true });
          }}
        />
      </Group>
      <Answer of={connections}>
        {({ connections: rows }) => {
          if (rows.length === 0 && page === 0) return <NoConnections filtered={wanted !== '' || integration !== ''} />;
          return (
            <>
              <DataTable
                label="Connections"
                rows={rows}
                columns={COLUMNS}
                keyOf={(row) => `${row.provider_config_key} ${row.connection_id}`}
              />
              <Group>
                <Button variant="default" size="xs" disabled={page === 0} onClick={() => setPage(page - 1)}>
                  Previous
                </Button>
                <Button variant="default" size="xs" disabled={rows.length < PAGE} onClick={() => setPage(page + 1)}>
                  Next
                </Button>
                <Text size="sm" c="dimmed">
                  Page {page + 1}
                </Text>
              </Group>
            </>
          );
        }}
      </Answer>
    </Page>
  );
}

function NoConnections({ filtered }: { readonly filtered: boolean }) {
  if (filtered) return <Empty title="No connection matches" />;
  return (
    <Empty
      title="No connections yet"
      command={`curl ${location.origin}/connect/sessions -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -d '{"end_user": {"id": "ada"}}'`}
    >
      Open a session for one of your users; its connect_link is the page where they connect.
    </Empty>
  );
}
