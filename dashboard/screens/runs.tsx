import { Button, Group, NativeSelect, Text } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { search } from '../api.ts';
import { useEnvironment } from '../environment.ts';
import { usePages } from '../pages.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { ConnectionLink } from '../parts/connection-link.tsx';
import { Go } from '../parts/go.tsx';
import { LongTable } from '../parts/long-table.tsx';
import { Moment, useNow } from '../parts/moment.tsx';
import { Page } from '../parts/page.tsx';
import { State } from '../parts/state.tsx';
import type { Columns } from '../parts/table.tsx';
import type { ListedRun } from '../shapes.ts';
import { duration } from '../words.ts';

const PAGE = 100;
const STATES = ['queued', 'running', 'waiting', 'success', 'failed', 'cancelled', 'skipped'];

const COLUMNS: Columns<ListedRun> = [
  { header: 'Sync or action', accessorKey: 'name', cell: ({ row }) => <Name of={row.original} /> },
  { header: 'State', accessorKey: 'state', cell: ({ row }) => <RunState of={row.original} /> },
  { header: 'Connection', accessorKey: 'connection_id', cell: ({ row }) => <Whose of={row.original} /> },
  { header: 'Started', accessorKey: 'created_at', cell: ({ row }) => <Moment at={row.original.created_at} /> },
  {
    id: 'took',
    header: 'Took',
    accessorFn: (run) => tookMs(run, new Date()),
    cell: ({ row }) => <Took of={row.original} />,
  },
  { header: 'Calls', accessorKey: 'requests' },
  {
    id: 'records',
    header: 'Records',
    accessorFn: written,
    cell: ({ row }) => written(row.original).toLocaleString('en'),
  },
];

type RunsPage = { readonly runs: readonly ListedRun[]; readonly next_cursor: string | null };
const rowsOf = ({ runs }: RunsPage) => runs;
const nextOf = ({ next_cursor: next }: RunsPage) => next;
const keyOf = (run: ListedRun) => run.id;

/** Every run of the environment, newest first, moving as they move. */
export function RunsScreen() {
  const chosen = useSearch({ strict: false }) as {
    state?: string;
    integration?: string;
    connection?: string;
    name?: string;
  };
  const navigate = useNavigate({ from: '/env/$env/runs' });
  const { more, ...runs } = usePages({
    path: (cursor) =>
      `/runs${search({
        state: chosen.state,
        provider_config_key: chosen.integration,
        connection_id: chosen.connection,
        name: chosen.name,
        cursor,
        limit: PAGE,
      })}`,
    size: PAGE,
    live: 'live',
    rowsOf,
    nextOf,
  });
  const { state: _, ...narrowed } = chosen;
  const isNarrowed = Object.keys(narrowed).length > 0;
  return (
    <Page title="Runs">
      <Group align="flex-end">
        <NativeSelect
          label="State"
          value={chosen.state ?? ''}
          data={[{ value: '', label: 'Any' }, ...STATES]}
          onChange={(event) => {
            const state = event.currentTarget.value;
            void navigate({ search: { ...narrowed, ...(state !== '' && { state }) }, replace: true });
          }}
        />
        {isNarrowed && (
          <Button variant="default" onClick={() => void navigate({ search: {} })}>
            Of {Object.values(narrowed).join(' / ')}: show all
          </Button>
        )}
      </Group>
      <Answer of={runs}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty
              title={isNarrowed || chosen.state ? 'No run matches' : 'Nothing has run yet'}
              command="nango deploy dev"
            >
              A deployed sync starts by itself for every connection of its integration.
            </Empty>
          ) : (
            <LongTable label="Runs" rows={rows} columns={COLUMNS} keyOf={keyOf} more={more} />
          )
        }
      </Answer>
    </Page>
  );
}

function Name({ of }: { readonly of: ListedRun }) {
  const env = useEnvironment();
  return (
    <>
      <Go to="/env/$env/runs/$run" params={{ env, run: of.id }} className="odd-name">
        {of.name}
        {of.variant === 'base' ? '' : `::${of.variant}`}
      </Go>
      <Text size="xs" c="dimmed">
        {of.kind}, by {of.started_by}
      </Text>
    </>
  );
}

export function RunState({ of }: { readonly of: Pick<ListedRun, 'state' | 'resume_at' | 'wait_reason' | 'error'> }) {
  const why = of.state === 'waiting' ? of.wait_reason : of.error?.message;
  return (
    <>
      <State of={of.state} />
      {of.state === 'waiting' && of.resume_at && (
        <Text size="xs" c="dimmed">
          goes on <Moment at={of.resume_at} />
        </Text>
      )}
      {why && (
        <Text size="xs" c="dimmed" lineClamp={2} maw={320} className="odd-name">
          {why}
        </Text>
      )}
    </>
  );
}

function Whose({ of }: { readonly of: ListedRun }) {
  return (
    <>
      <ConnectionLink of={of} />
      <Text size="xs" c="dimmed">
        {of.provider_config_key}
      </Text>
    </>
  );
}

export function Took({ of }: { readonly of: ListedRun }) {
  const now = useNow();
  const ms = tookMs(of, now);
  return <span style={{ whiteSpace: 'nowrap' }}>{of.started_at === null ? '–' : duration(ms)}</span>;
}

function tookMs(run: ListedRun, now: Date): number {
  if (run.started_at === null) return 0;
  return (run.finished_at === null ? now.getTime() : Date.parse(run.finished_at)) - Date.parse(run.started_at);
}

function written(run: ListedRun): number {
  return Object.values(run.counts).reduce((sum, { added, updated, deleted }) => sum + added + updated + deleted, 0);
}
