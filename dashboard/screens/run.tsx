import { Alert, Anchor, Button, Group, Paper, Stack, Text } from '@mantine/core';
import { useParams } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useAsk, useRead } from '../environment.ts';
import { useAct } from '../parts/act.ts';
import { Answer } from '../parts/answer.tsx';
import { ConnectionLink } from '../parts/connection-link.tsx';
import { Copy } from '../parts/copy.tsx';
import { Moment } from '../parts/moment.tsx';
import { Page } from '../parts/page.tsx';
import type { OneRun, RunCalls } from '../shapes.ts';
import { count } from '../words.ts';
import { RunState, Took } from './runs.tsx';
import { Timeline } from './timeline.tsx';

/** One run from its first line to its end: what it asked, what it waited for, what it wrote, and why it failed. */
export function RunScreen() {
  const id = useParams({ strict: false }).run ?? '';
  const run = useRead<OneRun>(`/runs/${encodeURIComponent(id)}?limit=10000`, { live: true });
  const calls = useRead<RunCalls>(`/dashboard/runs/${encodeURIComponent(id)}/calls`, { live: true });
  return (
    <Page title={run.data === undefined ? `Run ${id}` : run.data.name} actions={run.data && <Cancel of={run.data} />}>
      <Answer of={run}>
        {(shown) => (
          <>
            <Facts of={shown} />
            {shown.error && <Why of={shown} />}
            <Answer of={calls}>{(known) => <Timeline of={shown} calls={known} />}</Answer>
          </>
        )}
      </Answer>
    </Page>
  );
}

function Facts({ of }: { readonly of: OneRun }) {
  const counts = Object.entries(of.counts).map(
    ([model, { added, updated, deleted }]) => `${model}: ${added} added, ${updated} updated, ${deleted} deleted`,
  );
  return (
    <Paper withBorder p="md">
      <Group gap="xl" align="flex-start">
        <Fact name="State">
          <RunState of={of} />
        </Fact>
        <Fact name="Connection">
          <ConnectionLink of={of} /> of {of.provider_config_key}
        </Fact>
        <Fact name="Started">
          <Moment at={of.started_at} /> by {of.started_by}
        </Fact>
        <Fact name="Took">
          <Took of={of} />, {count(of.requests, 'request')}
        </Fact>
        <Fact name="Records">{counts.length === 0 ? 'nothing changed' : counts.join('; ')}</Fact>
        <Fact name="Attempts">
          {of.attempts}
          {of.attempts > 1 && ': what was answered before was replayed, not asked again'}
          {of.generation > 0 && `; began again from its checkpoint ${count(of.generation, 'time')}`}
        </Fact>
        {of.link && (
          <Fact name="Workflow">
            <Anchor href={of.link} target="_blank" rel="noreferrer" size="sm">
              Temporal Web UI ↗
            </Anchor>
          </Fact>
        )}
      </Group>
    </Paper>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div style={{ maxWidth: '22rem' }}>
      <Text size="xs" c="dimmed">
        {name}
      </Text>
      <Text size="sm" component="div">
        {children}
      </Text>
    </div>
  );
}

function Why({ of }: { readonly of: OneRun }) {
  const { error } = of;
  const place = error?.location;
  const isKept = of.state === 'failed' || of.state === 'cancelled';
  return (
    <Alert color="red" variant="outline" title={place ? `${place.file}, line ${place.line}` : error?.code}>
      <Stack gap="xs">
        <Text size="sm" className="odd-name" style={{ whiteSpace: 'pre-wrap' }}>
          {error?.message}
        </Text>
        {isKept && (
          <>
            <Text size="sm">Run it again on your machine, with the answers it got then:</Text>
            <Copy text={`nango replay ${of.id}`} />
          </>
        )}
      </Stack>
    </Alert>
  );
}

function Cancel({ of }: { readonly of: OneRun }) {
  const ask = useAsk();
  const cancel = useAct(() => ask('POST', `/runs/${of.id}/cancel`), { done: 'The run is cancelled' });
  if (of.finished_at !== null) return null;
  return (
    <Button variant="default" size="xs" loading={cancel.isPending} onClick={() => cancel.mutate()}>
      Cancel the run
    </Button>
  );
}
