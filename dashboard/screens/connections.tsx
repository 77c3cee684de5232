import { Group, NativeSelect, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { search } from '../api.ts';
import { useRead } from '../environment.ts';
import { usePages } from '../pages.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { ConnectionLink } from '../parts/connection-link.tsx';
import { LongTable } from '../parts/long-table.tsx';
import { Moment } from '../parts/moment.tsx';
import { Page } from '../parts/page.tsx';
import { State } from '../parts/state.tsx';
import type { Columns } from '../parts/table.tsx';
import type { Integration, ListedConnection } from '../shapes.ts';

const PAGE = 100;

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

type ConnectionsPage = { readonly connections: readonly ListedConnection[] };
const rowsOf = ({ connections }: ConnectionsPage) => connections;
/** Pages have numbers here; the first is 0. */
const nextOf = ({ connections }: ConnectionsPage, count: number) => (connections.length < PAGE ? null : String(count));

export function ConnectionsScreen() {
  const { integration = '', error = '' } = useSearch({ strict: false });
  const navigate = useNavigate({ from: '/env/$env/connections' });
  const [typed, setTyped] = useState('');
  const [wanted] = useDebouncedValue(typed, 250);
  const integrations = useRead<{ data: Integration[] }>('/integrations');
  const withError = error === '' ? undefined : 'true';
  const { more, ...connections } = usePages({
    path: (page) =>
      `/connections${search({ search: wanted, integrationId: integration, withError, limit: PAGE, page: page ?? 0 })}`,
    size: PAGE,
    live: 'live',
    rowsOf,
    nextOf,
  });
  const narrow = (change: { integration?: string; error?: string }) => {
    const now = Object.entries({ integration, error, ...change }).filter(([, value]) => value !== '');
    void navigate({ search: Object.fromEntries(now), replace: true });
  };
  return (
    <Page title="Connections">
      <Group align="flex-end">
        <TextInput
          label="Search"
          placeholder="Id, name or address"
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <NativeSelect
          label="Integration"
          value={integration}
          data={[{ value: '', label: 'All' }, ...(integrations.data?.data ?? []).map(({ unique_key }) => unique_key)]}
          onChange={(event) => narrow({ integration: event.currentTarget.value })}
        />
        <NativeSelect
          label="Status"
          value={error}
          data={[
            { value: '', label: 'Any' },
            { value: 'auth', label: 'sign in again' },
          ]}
          onChange={(event) => narrow({ error: event.currentTarget.value })}
        />
      </Group>
      <Answer of={connections}>
        {(rows) =>
          rows.length === 0 ? (
            <NoConnections filtered={wanted !== '' || integration !== '' || error !== ''} />
          ) : (
            <LongTable label="Connections" rows={rows} columns={COLUMNS} keyOf={keyOf} more={more} />
          )
        }
      </Answer>
    </Page>
  );
}

const keyOf = (row: ListedConnection) => `${row.provider_config_key} ${row.connection_id}`;

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
