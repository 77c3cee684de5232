import { Anchor, Button, Group, NativeSelect, Text } from '@mantine/core';
import { useState } from 'react';
import { search } from '../api.ts';
import { useAsk, useEnvironment, useRead } from '../environment.ts';
import { usePages } from '../pages.ts';
import { useAct } from '../parts/act.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Go } from '../parts/go.tsx';
import { LongTable } from '../parts/long-table.tsx';
import { Moment } from '../parts/moment.tsx';
import { Page } from '../parts/page.tsx';
import { State } from '../parts/state.tsx';
import type { Columns } from '../parts/table.tsx';

type Delivery = {
  readonly id: string;
  readonly type: string;
  readonly connection_id: string | null;
  readonly run_id: string | null;
  readonly url: string;
  readonly state: string;
  readonly attempts: number;
  readonly last_status: number | null;
  readonly last_error: string | null;
  readonly replay_of: string | null;
  readonly created_at: string;
  readonly next_attempt_at: string | null;
};

const PAGE = 100;

type DeliveriesPage = { readonly deliveries: readonly Delivery[]; readonly next_before: string | null };
const rowsOf = ({ deliveries }: DeliveriesPage) => deliveries;
const nextOf = ({ next_before: next }: DeliveriesPage) => next;
const keyOf = (row: Delivery) => row.id;

/** What was sent to the application, what came of it, and the button that sends it again. */
export function DeliveriesScreen() {
  const [state, setState] = useState('');
  const [open, setOpen] = useState<Delivery | null>(null);
  const { more, ...deliveries } = usePages({
    path: (before) => `/webhooks/deliveries${search({ state, before, limit: PAGE })}`,
    size: PAGE,
    live: 'live',
    rowsOf,
    nextOf,
  });
  const columns: Columns<Delivery> = [
    { header: 'Webhook', accessorKey: 'type', cell: ({ row }) => <What of={row.original} open={setOpen} /> },
    { header: 'State', accessorKey: 'state', cell: ({ row }) => <Outcome of={row.original} /> },
    {
      header: 'Connection',
      accessorKey: 'connection_id',
      cell: ({ row }) => <span className="odd-name">{row.original.connection_id ?? '–'}</span>,
    },
    { header: 'To', accessorKey: 'url', cell: ({ row }) => <span className="odd-name">{row.original.url}</span> },
    { header: 'Attempts', accessorKey: 'attempts' },
    { header: 'When', accessorKey: 'created_at', cell: ({ row }) => <Moment at={row.original.created_at} /> },
    { id: 'do', header: 'Do', enableSorting: false, cell: ({ row }) => <Replay of={row.original} /> },
  ];
  return (
    <Page title="Webhook deliveries">
      <Group>
        <NativeSelect
          label="State"
          value={state}
          data={[{ value: '', label: 'Any' }, 'pending', 'delivered', 'refused', 'expired']}
          onChange={(event) => setState(event.currentTarget.value)}
        />
      </Group>
      <Answer of={deliveries}>
        {(rows) =>
          rows.length === 0 ? (
            <NoDeliveries filtered={state !== ''} />
          ) : (
            <LongTable label="Webhook deliveries" rows={rows} columns={columns} keyOf={keyOf} more={more} />
          )
        }
      </Answer>
      <Dialog isOpen={open !== null} close={() => setOpen(null)} size="xl" title={open?.type ?? ''}>
        {open && <Body of={open} />}
      </Dialog>
    </Page>
  );
}

function NoDeliveries({ filtered }: { readonly filtered: boolean }) {
  const env = useEnvironment();
  if (filtered) return <Empty title="No delivery matches" />;
  return (
    <Empty
      title="Nothing was sent yet"
      command={`curl -X PATCH ${location.origin}/environment/webhooks -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -d '{"primary_url": "https://…"}'`}
    >
      Give an address in the{' '}
      <Go to="/env/$env/settings" params={{ env }}>
        settings
      </Go>
      : your application then hears of every run that ends.
    </Empty>
  );
}

function What({ of, open }: { readonly of: Delivery; readonly open: (delivery: Delivery) => void }) {
  return (
    <>
      <Anchor component="button" type="button" size="sm" onClick={() => open(of)}>
        {of.type}
      </Anchor>
      {of.replay_of && (
        <Text size="xs" c="dimmed">
          sent again
        </Text>
      )}
    </>
  );
}

function Outcome({ of }: { readonly of: Delivery }) {
  const said = of.last_error ?? (of.last_status === null ? null : `answered ${of.last_status}`);
  return (
    <>
      <State of={of.state} />
      {said && (
        <Text size="xs" c="dimmed" lineClamp={2} className="odd-name">
          {said}
        </Text>
      )}
      {of.state === 'pending' && of.next_attempt_at && (
        <Text size="xs" c="dimmed">
          again <Moment at={of.next_attempt_at} />
        </Text>
      )}
    </>
  );
}

function Replay({ of }: { readonly of: Delivery }) {
  const ask = useAsk();
  const replay = useAct(() => ask('POST', `/webhooks/deliveries/${encodeURIComponent(of.id)}/replay`), {
    done: 'It is sent again',
  });
  return (
    <Button
      size="compact-xs"
      variant="default"
      aria-label={`Replay ${of.type} ${of.id}`}
      loading={replay.isPending}
      onClick={() => replay.mutate()}
    >
      Replay
    </Button>
  );
}

function Body({ of }: { readonly of: Delivery }) {
  const one = useRead<Delivery & { body: string }>(`/webhooks/deliveries/${encodeURIComponent(of.id)}`);
  return (
    <Answer of={one}>
      {({ body }) => (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by the keyboard
        <pre className="code" tabIndex={0}>
          {indented(body)}
        </pre>
      )}
    </Answer>
  );
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
