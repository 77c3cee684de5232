import { Group, Paper, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { State } from '../parts/state.tsx';
import type { Overview } from '../shapes.ts';
import { count } from '../words.ts';

const HOUR_MS = 3_600_000;
/** From the foot of a bar to its top. */
const STATES = [
  ['success', 'var(--state-good)'],
  ['failed', 'var(--state-bad)'],
  ['waiting', 'var(--state-wait)'],
  ['running', 'var(--state-busy)'],
  ['cancelled', 'var(--state-calm)'],
] as const;

type Part = { readonly key: string; readonly size: number; readonly color: string };
type Bar = { readonly at: number; readonly parts: readonly Part[]; readonly says: string };

/** Runs of each hour by how they ended. */
export function RunsChart({ of }: { readonly of: Overview }) {
  const hours = hoursOf(of);
  const bars = hours.map(({ at, runs }): Bar => {
    const parts = STATES.map(([key, color]) => ({ key, size: runs[key] ?? 0, color }));
    return { at, parts, says: count(total(parts), 'run') };
  });
  const sums = STATES.map(([state]) => [state, hours.reduce((sum, { runs }) => sum + (runs[state] ?? 0), 0)] as const);
  const said = sums.filter(([, n]) => n > 0).map(([state, n]) => `${n} ${state}`);
  return (
    <Chart title="Runs by outcome" bars={bars} says={`Runs by hour: ${said.join(', ') || 'none'}`}>
      {sums.map(([state, n]) => (
        <Text key={state} size="sm" component="span">
          <State of={state} says={`${n.toLocaleString('en')} ${state}`} />
        </Text>
      ))}
    </Chart>
  );
}

/** Records that the runs of each hour added, updated or deleted. */
export function RecordsChart({ of }: { readonly of: Overview }) {
  const hours = hoursOf(of);
  const bars = hours.map(({ at, records }): Bar => {
    return {
      at,
      parts: [{ key: 'records', size: records, color: 'var(--state-busy)' }],
      says: count(records, 'record'),
    };
  });
  const most = Math.max(0, ...hours.map(({ records }) => records));
  const sum = hours.reduce((all, { records }) => all + records, 0);
  return (
    <Chart title="Records written by hour" bars={bars} says={`Records written by hour: ${count(sum, 'record')} in all`}>
      <Text size="sm" component="span">
        {count(most, 'record')} in the busiest hour
      </Text>
    </Chart>
  );
}

/** Every hour of the period, also those in which nothing happened. */
function hoursOf({ hours, since }: Overview) {
  const known = new Map(hours.map((hour) => [Date.parse(hour.hour), hour]));
  const begin = Date.parse(since);
  const length = Math.max(1, Math.ceil((Date.now() - begin) / HOUR_MS));
  return Array.from({ length }, (_, index) => {
    const at = begin + index * HOUR_MS;
    const hour = known.get(at);
    return { at, runs: hour?.runs ?? {}, records: hour?.records ?? 0 };
  });
}

function total(parts: readonly Part[]): number {
  return parts.reduce((sum, { size }) => sum + size, 0);
}

type ChartOptions = {
  readonly title: string;
  readonly bars: readonly Bar[];
  readonly says: string;
  readonly children: ReactNode;
};

/** Bars by the hour; whoever does not see them is told their sum. */
function Chart({ title, bars, says, children }: ChartOptions) {
  const most = Math.max(1, ...bars.map(({ parts }) => total(parts)));
  return (
    <Paper withBorder p="md">
      <Group justify="space-between" mb="sm">
        <Title order={2}>{title}</Title>
        <Group gap="sm">{children}</Group>
      </Group>
      <div className="bars" role="img" aria-label={says}>
        {bars.map(({ at, parts, says: one }) => (
          <div key={at} title={`${new Date(at).toLocaleString()}: ${one}`}>
            {parts.map(({ key, size, color }) => (
              <span key={key} style={{ height: `${(100 * size) / most}%`, background: color }} />
            ))}
          </div>
        ))}
      </div>
      <Group justify="space-between" mt={4}>
        <Text size="xs" c="dimmed">
          {new Date(bars[0]?.at ?? 0).toLocaleString(undefined, {
            weekday: 'short',
            hour: 'numeric',
            minute: '2-digit',
          })}
        </Text>
        <Text size="xs" c="dimmed">
          now
        </Text>
      </Group>
    </Paper>
  );
}
