import { Group, NativeSelect, Text, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { search } from '../api.ts';
import { useEnvironment, useRead } from '../environment.ts';
import { type More, usePages } from '../pages.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { ConnectionLink } from '../parts/connection-link.tsx';
import { Go } from '../parts/go.tsx';
import { LongTable, MoreButton } from '../parts/long-table.tsx';
import { Moment } from '../parts/moment.tsx';
import { Page } from '../parts/page.tsx';
import { State } from '../parts/state.tsx';
import type { Columns } from '../parts/table.tsx';
import type { Integration, Operation } from '../shapes.ts';
import { duration } from '../words.ts';

const PAGE = 100;
const TYPES = ['sync', 'action', 'events', 'proxy', 'auth', 'webhook'];
const STATUSES = ['waiting', 'running', 'success', 'failed', 'timeout', 'cancelled', 'skipped'];
const HOUR_MS = 3_600_000;
const PERIODS: Readonly<Record<string, number>> = {
  'last hour': HOUR_MS,
  'last day': 24 * HOUR_MS,
  'last week': 7 * 24 * HOUR_MS,
};

/** What may stand in the page's address. */
export const NARROWING = ['type', 'status', 'integration', 'connection', 'name', 'period', 'text'] as const;
export type LogFilter = { readonly [Name in (typeof NARROWING)[number]]?: string };

const COLUMNS: Columns<Operation> = [
  { id: 'what', header: 'Operation', accessorKey: 'type', cell: ({ row }) => <What of={row.original} /> },
  { header: 'Status', accessorKey: 'status', cell: ({ row }) => <State of={row.original.status} /> },
  { header: 'Connection', accessorKey: 'connection_id', cell: ({ row }) => <Whose of={row.original} /> },
  { header: 'Started', accessorKey: 'created_at', cell: ({ row }) => <Moment at={row.original.created_at} /> },
  {
    header: 'Took',
    accessorKey: 'duration_ms',
    cell: ({ row }) => (
      <span style={{ whiteSpace: 'nowrap' }}>
        {row.original.duration_ms === null ? '–' : duration(row.original.duration_ms)}
      </span>
    ),
  },
];

/** Everything that happened in the environment, newest first: runs, calls of /proxy, sign-ins and webhooks. */
export function LogsScreen() {
  const filter = useSearch({ strict: false }) as LogFilter;
  // Taken once for each choice: a moment that moves on would be another question every time.
  const from = useMemo(() => startOf(filter.period), [filter.period]);
  const { more, ...operations } = usePages({
    path: (cursor) =>
      `/logs/operations${search({
        type: filter.type,
        status: filter.status,
        provider_config_key: filter.integration,
        connection_id: filter.connection?.trim(),
        name: filter.name?.trim(),
        search: filter.text?.trim(),
        from,
        cursor,
        limit: PAGE,
      })}`,
    size: PAGE,
    live: 'logs',
    rowsOf,
    nextOf,
  });
  return (
    <Page title="Logs">
      <Filters of={filter} />
      <Answer of={operations}>
        {(rows) =>
          rows.length > 0 ? (
            <LongTable label="Operations" rows={rows} columns={COLUMNS} keyOf={keyOf} more={more} />
          ) : (
            <Nothing isNarrowed={Object.keys(filter).length > 0} more={more} />
          )
        }
      </Answer>
    </Page>
  );
}

type OperationsPage = { readonly operations: readonly Operation[]; readonly next_cursor: string | null };
const rowsOf = ({ operations }: OperationsPage) => operations;
const nextOf = ({ next_cursor: next }: OperationsPage) => next;
const keyOf = (row: Operation) => row.id;

function startOf(period: string | undefined): string | undefined {
  const ms = PERIODS[period ?? ''];
  return ms === undefined ? undefined : new Date(Date.now() - ms).toISOString();
}

/** What the list is narrowed by; it stands in the address, so that a narrowed list can be sent to somebody. */
function Filters({ of }: { readonly of: LogFilter }) {
  const navigate = useNavigate({ from: '/env/$env/logs' });
  const integrations = useRead<{ data: Integration[] }>('/integrations');
  const set = (name: keyof LogFilter, value: string): void => {
    const { [name]: _, ...others } = of;
    void navigate({ search: value === '' ? others : { ...others, [name]: value }, replace: true });
  };
  const keys = (integrations.data?.data ?? []).map(({ unique_key }) => unique_key);
  const choice = (name: keyof LogFilter, label: string, values: readonly string[]) => (
    <NativeSelect
      label={label}
      value={of[name] ?? ''}
      data={[{ value: '', label: 'Any' }, ...values]}
      onChange={(event) => set(name, event.currentTarget.value)}
    />
  );
  return (
    <Group align="flex-end">
      <Typed label="Search" placeholder="Anything it says" value={of.text ?? ''} set={(value) => set('text', value)} />
      {choice('type', 'Type', TYPES)}
      {choice('status', 'Status', STATUSES)}
      {choice('period', 'Period', Object.keys(PERIODS))}
      {choice('integration', 'Integration', keys)}
      <Typed label="Connection" value={of.connection ?? ''} set={(value) => set('connection', value)} />
      <Typed label="Sync or action" value={of.name ?? ''} set={(value) => set('name', value)} />
    </Group>
  );
}

type TypedOptions = {
  readonly label: string;
  readonly placeholder?: string;
  readonly value: string;
  readonly set: (value: string) => void;
};

/** A text that narrows once it has not been changed for a moment. */
function Typed({ label, placeholder, value, set }: TypedOptions) {
  const [typed, setTyped] = useState(value);
  const [known, setKnown] = useState(value);
  // Changed by somebody else than this field: the page was opened anew without it.
  if (value !== known) {
    setKnown(value);
    setTyped(value);
  }
  const later = useDebouncedCallback((text: string) => set(text), 250);
  return (
    <TextInput
      label={label}
      value={typed}
      {...(placeholder && { placeholder })}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        later(event.currentTarget.value);
      }}
    />
  );
}

function Nothing({ isNarrowed, more }: { readonly isNarrowed: boolean; readonly more: More }) {
  if (more.has)
    return (
      <Empty title="None among the newest">
        A search looks at 2,000 operations at a time. <MoreButton of={more}>Look further back</MoreButton>
      </Empty>
    );
  if (isNarrowed) return <Empty title="No operation matches" />;
  return (
    <Empty title="Nothing has happened yet" command="nango deploy dev">
      Runs of deployed syncs, calls of /proxy, sign-ins and webhooks are listed here as they happen.
    </Empty>
  );
}

function What({ of }: { readonly of: Operation }) {
  const env = useEnvironment();
  return (
    <>
      <Go to="/env/$env/logs/$operation" params={{ env, operation: of.id }} className="odd-name">
        {titleOf(of)}
      </Go>
      <Text size="xs" c="dimmed" lineClamp={2} maw={480} style={{ overflowWrap: 'anywhere' }}>
        {of.summary}
      </Text>
    </>
  );
}

/** `sync tasks`, `proxy call`, `auth refresh token`. */
export function titleOf({ type, operation, name }: Operation): string {
  return `${type} ${name ?? operation.replaceAll('_', ' ')}`;
}

function Whose({ of }: { readonly of: Operation }) {
  const { connection_id, provider_config_key } = of;
  if (provider_config_key === null) return '–';
  return (
    <>
      {connection_id === null ? '–' : <ConnectionLink of={{ connection_id, provider_config_key }} />}
      <Text size="xs" c="dimmed">
        {provider_config_key}
      </Text>
    </>
  );
}
