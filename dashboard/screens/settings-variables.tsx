import { Button, Group, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useState } from 'react';
import { useAsk } from '../environment.ts';
import { useAct } from '../parts/act.ts';
import { type Columns, DataTable } from '../parts/table.tsx';

export type Variable = { readonly name: string; readonly value: string };

const PATH = '/environment-variables';

/** What scripts read with `nango.getEnvironmentVariables`: set by name, removed, never shown by itself. */
export function VariableSettings({ all }: { readonly all: readonly Variable[] }) {
  const ask = useAsk();
  const [name, setName] = useState('');
  const [value, setValue] = useState('');
  // PUT says all there are, so what somebody else set meanwhile is read again first.
  const replace = async (change: (now: readonly Variable[]) => readonly Variable[]): Promise<void> => {
    await ask('PUT', PATH, { body: { variables: change(await ask<Variable[]>('GET', PATH)) } });
  };
  const without = (now: readonly Variable[], gone: string) => now.filter((one) => one.name !== gone);
  const set = useAct(() => replace((now) => [...without(now, name.trim()), { name: name.trim(), value }]), {
    done: `${name.trim()} is set`,
    after: () => {
      setName('');
      setValue('');
    },
  });
  const remove = useAct((gone: string) => replace((now) => without(now, gone)), { done: 'The variable is removed' });
  const columns: Columns<Variable> = [
    { header: 'Name', accessorKey: 'name', cell: ({ row }) => <span className="odd-name">{row.original.name}</span> },
    { header: 'Value', enableSorting: false, accessorFn: (one) => (one.value === '' ? 'empty' : '••••••••') },
    {
      id: 'acts',
      header: 'Actions',
      enableSorting: false,
      cell: ({ row: { original: one } }) => (
        <Group gap="xs" wrap="nowrap">
          <Button
            size="compact-xs"
            variant="default"
            aria-label={`Change ${one.name}`}
            onClick={() => {
              setName(one.name);
              setValue(one.value);
            }}
          >
            Change
          </Button>
          <Button
            size="compact-xs"
            variant="default"
            aria-label={`Remove ${one.name}`}
            loading={remove.isPending && remove.variables === one.name}
            onClick={() => remove.mutate(one.name)}
          >
            Remove
          </Button>
        </Group>
      ),
    },
  ];
  return (
    <Paper withBorder p="md">
      <Stack gap="sm">
        <Title order={2}>Environment variables</Title>
        <Text size="sm">Scripts read them with nango.getEnvironmentVariables().</Text>
        {all.length > 0 && (
          <DataTable label="Environment variables" rows={all} columns={columns} keyOf={(one) => one.name} />
        )}
        <Group
          component="form"
          align="flex-end"
          onSubmit={(event) => {
            event.preventDefault();
            set.mutate();
          }}
        >
          <TextInput
            label="Name of the variable"
            required
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <PasswordInput
            label="Value of the variable"
            miw={220}
            autoComplete="off"
            value={value}
            onChange={(event) => setValue(event.currentTarget.value)}
          />
          <Button type="submit" loading={set.isPending} disabled={name.trim() === ''}>
            Set variable
          </Button>
        </Group>
      </Stack>
    </Paper>
  );
}
