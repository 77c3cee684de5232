import { Paper, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useEnvironment, useRead } from '../environment.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { Go } from '../parts/go.tsx';
import { Moment } from '../parts/moment.tsx';
import { Page } from '../parts/page.tsx';
import { type Columns, DataTable } from '../parts/table.tsx';
import type { Overview, Run } from '../shapes.ts';
import { count, duration } from '../words.ts';
import { RunState } from './runs.tsx';
import { RecordsChart, RunsChart } from './home-charts.tsx';

const HOURS = 24;

const TROUBLE: Columns<Run> = [
  { header: 'Sync or action', accessorKey: 'name', cell: ({ row }) => <Name of={row.original} /> },
  { header: 'State', accessorKey: 'state', cell: ({ row }) => <RunState of={row.original} /> },
  {
    header: 'Connection',
    accessorKey: 'connection_id',
    cell: ({ row }) => <span className="odd-name">{row.original.connection_id}</span>,
  },
  { header: 'Since', accessorKey: 'created_at', cell: ({ row }) => <Moment at={row.original.created_at} /> },
];

function Name({ of }: { readonly of: Run }) {
  const env = useEnvironment();
  return (
    <Go to="/env/$env/runs/$run" params={{ env, run: of.id }} className="odd-name">
      {of.name}
    </Go>
  );
}

/** How the environment does: what needs somebody first, then the last day. */
export function HomeScreen() {
  const env = useEnvironment();
  const overview = useRead<Overview>(`/dashboard/overview?hours=${HOURS}`, { live: true });
  return (
    <Page title={`Home of ${env}`}>
      <Answer of={overview}>
        {(shown) => (
          <>
            <Figures of={shown} />
            <NextStep of={shown} />
            {shown.trouble.length > 0 && (
              <Stack gap="xs">
                <Title order={2}>Waiting and failing</Title>
                <DataTable label="Waiting and failing" rows={shown.trouble} columns={TROUBLE} keyOf={(run) => run.id} />
              </Stack>
            )}
            <RunsChart of={shown} />
            <RecordsChart of={shown} />
          </>
        )}
      </Answer>
    </Page>
  );
}

function Figures({ of }: { readonly of: Overview }) {
  const runs = of.hours.reduce((sum, hour) => sum + Object.values(hour.runs).reduce((a, b) => a + b, 0), 0);
  const records = of.hours.reduce((sum, hour) => sum + hour.records, 0);
  const figures: readonly (readonly [string, string, string])[] = [
    [
      'Connections',
      of.totals.connections.toLocaleString('en'),
      of.totals.broken_connections === 0 ? 'all signed in' : `${of.totals.broken_connections} to sign in again`,
    ],
    ['Runs, last 24 h', runs.toLocaleString('en'), `${count(of.totals.scripts, 'script')} deployed`],
    [
      'Records written, last 24 h',
      records.toLocaleString('en'),
      records > 0 && records < HOURS
        ? 'less than 1 an hour'
        : `${Math.round(records / HOURS).toLocaleString('en')} an hour`,
    ],
    ['Queue', of.queue_lag_ms === 0 ? 'no wait' : duration(of.queue_lag_ms), 'oldest run without a worker'],
  ];
  return (
    <SimpleGrid cols={{ base: 2, md: 4 }} spacing="sm">
      {figures.map(([label, value, note]) => (
        <Paper key={label} withBorder p="sm">
          <Text size="xs" c="dimmed">
            {label}
          </Text>
          <Text size="xl" fw={600}>
            {value}
          </Text>
          <Text size="xs" c="dimmed">
            {note}
          </Text>
        </Paper>
      ))}
    </SimpleGrid>
  );
}

function NextStep({ of: { totals } }: { readonly of: Overview }) {
  const env = useEnvironment();
  if (totals.integrations === 0)
    return (
      <Empty title="Create your first integration" command="nango init">
        <Go to="/env/$env/integrations" params={{ env }}>
          Choose an API
        </Go>{' '}
        to integrate with, or begin with an example project on your machine:
      </Empty>
    );
  if (totals.scripts === 0) return <Empty title="Deploy your first sync" command={`nango deploy ${env}`} />;
  if (totals.connections === 0)
    return (
      <Empty title="Connect somebody">
        <Go to="/env/$env/connections" params={{ env }}>
          Connections
        </Go>{' '}
        says how.
      </Empty>
    );
  return null;
}
