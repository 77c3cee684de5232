import { Button, Code, Group, Paper, Stack, Text, TextInput, Title } from '@mantine/core';
import { useState } from 'react';
import { useAsk, useEnvironment } from '../environment.ts';
import { useAct } from '../parts/act.ts';
import { Copy } from '../parts/copy.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Moment } from '../parts/moment.tsx';
import { type Columns, DataTable } from '../parts/table.tsx';

export type ApiKey = {
  readonly id: string;
  readonly display_name: string | null;
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
};

/** The keys that open this environment, by their first characters; a new one is seen once. */
export function KeySettings({ keys }: { readonly keys: readonly ApiKey[] }) {
  const [revoked, setRevoked] = useState<ApiKey | null>(null);
  const columns: Columns<ApiKey> = [
    { header: 'Key', accessorKey: 'prefix', cell: ({ row }) => <Code>{row.original.prefix}…</Code> },
    {
      header: 'Name',
      accessorFn: (key) => key.display_name ?? '',
      cell: ({ getValue }) => <span className="odd-name">{String(getValue()) || '–'}</span>,
    },
    { header: 'May', accessorFn: ({ scopes }) => mayDo(scopes) },
    { header: 'Created', accessorKey: 'created_at', cell: ({ row }) => <Moment at={row.original.created_at} /> },
    {
      header: 'Last used',
      accessorKey: 'last_used_at',
      cell: ({ row }) => <Moment at={row.original.last_used_at} none="never" />,
    },
    {
      header: 'Ends',
      accessorKey: 'expires_at',
      cell: ({ row }) => <Moment at={row.original.expires_at} none="never" />,
    },
    {
      id: 'acts',
      header: 'Actions',
      enableSorting: false,
      cell: ({ row }) => (
        <Button
          size="compact-xs"
          variant="default"
          aria-label={`Revoke ${row.original.prefix}`}
          onClick={() => setRevoked(row.original)}
        >
          Revoke
        </Button>
      ),
    },
  ];
  return (
    <Paper withBorder p="md">
      <Stack gap="sm">
        <Title order={2}>Secret keys</Title>
        <DataTable label="Secret keys" rows={keys} columns={columns} keyOf={(key) => key.id} />
        <NewKey />
      </Stack>
      <Dialog
        isOpen={revoked !== null}
        close={() => setRevoked(null)}
        title={revoked === null ? '' : `Revoke ${revoked.prefix}…?`}
      >
        {revoked && <Revocation of={revoked} close={() => setRevoked(null)} />}
      </Dialog>
    </Paper>
  );
}

function NewKey() {
  const ask = useAsk();
  const env = useEnvironment();
  const [name, setName] = useState('');
  const [secret, setSecret] = useState<string>();
  const create = useAct(
    () =>
      ask<{ data: { secret: string } }>('POST', '/environment/api-keys', {
        body: { display_name: name.trim() },
      }),
    {
      done: 'There is a new key',
      after: ({ data }) => {
        setSecret(data.secret);
        setName('');
      },
    },
  );
  return (
    <Stack
      component="form"
      gap="sm"
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate();
      }}
    >
      <Group align="flex-end">
        <TextInput
          label="Name of a new key"
          placeholder="Who is to use it"
          required
          maxLength={255}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Button type="submit" loading={create.isPending} disabled={name.trim() === ''}>
          New key
        </Button>
      </Group>
      {secret && (
        <Stack gap={4}>
          <Text size="sm">Shown once. Keep it in the .env of whoever uses it:</Text>
          <Copy text={`NANGO_SECRET_KEY_${env.toUpperCase().replace(/[^A-Z0-9]/g, '_')}=${secret}`} />
        </Stack>
      )}
    </Stack>
  );
}

function Revocation({ of, close }: { readonly of: ApiKey; readonly close: () => void }) {
  const ask = useAsk();
  const revoke = useAct(() => ask('DELETE', `/environment/api-keys/${of.id}`), {
    done: `Key ${of.prefix}… is revoked`,
    after: close,
  });
  return (
    <Stack>
      <Text size="sm">
        Whoever uses it is refused within seconds, and whoever signed in here with it has to sign in again.
      </Text>
      <Button color="red.9" loading={revoke.isPending} onClick={() => revoke.mutate()}>
        Revoke this key
      </Button>
    </Stack>
  );
}

function mayDo(scopes: readonly string[]): string {
  return scopes.includes('environment:*') ? 'everything' : scopes.join(', ');
}
