import { Button, Paper, Stack, Switch, Text, TextInput, Title } from '@mantine/core';
import { useState } from 'react';
import { useAsk } from '../environment.ts';
import { useAct } from '../parts/act.ts';
import { Copy } from '../parts/copy.tsx';

export type Webhooks = {
  readonly primary_url: string | null;
  readonly secondary_url: string | null;
} & Readonly<Record<(typeof FLAGS)[number][0], boolean>>;

const FLAGS = [
  ['on_sync_completion_always', 'Every sync run, also one that changed nothing'],
  ['on_sync_error', 'Sync runs that fail'],
  ['on_auth_creation', 'New connections'],
  ['on_auth_refresh_error', 'Connections whose person has to sign in again'],
  ['on_async_action_completion', 'Asynchronous actions that ended'],
] as const;

/** Where the application hears of runs, of what, and how it knows that it was this server. */
export function WebhookSettings({ of }: { readonly of: Webhooks }) {
  const ask = useAsk();
  const [form, setForm] = useState(of);
  const [key, setKey] = useState<string>();
  const body = { ...form, primary_url: form.primary_url || null, secondary_url: form.secondary_url || null };
  const save = useAct(() => ask<{ data: { signing_key?: string } }>('PATCH', '/environment/webhooks', { body }), {
    done: 'The webhook settings are saved',
    after: ({ data }) => data.signing_key && setKey(data.signing_key),
  });
  const rotate = useAct(
    () => ask<{ data: { signing_key: string } }>('POST', '/environment/webhook-signing-key/rotate'),
    { done: 'There is a new signing key', after: ({ data }) => setKey(data.signing_key) },
  );
  return (
    <Paper withBorder p="md">
      <Stack gap="sm" align="flex-start">
        <Title order={2}>Webhooks</Title>
        <TextInput
          w="100%"
          label="Address of your application"
          placeholder="https://example.com/webhooks"
          value={form.primary_url ?? ''}
          onChange={(event) => setForm({ ...form, primary_url: event.currentTarget.value })}
        />
        <TextInput
          w="100%"
          label="Second address"
          value={form.secondary_url ?? ''}
          onChange={(event) => setForm({ ...form, secondary_url: event.currentTarget.value })}
        />
        {FLAGS.map(([name, label]) => (
          <Switch
            key={name}
            label={label}
            checked={form[name]}
            onChange={(event) => setForm({ ...form, [name]: event.currentTarget.checked })}
          />
        ))}
        <Button size="xs" loading={save.isPending} onClick={() => save.mutate()}>
          Save
        </Button>
        <Button size="xs" variant="default" loading={rotate.isPending} onClick={() => rotate.mutate()}>
          New signing key
        </Button>
        {key && (
          <Stack gap={4}>
            <Text size="sm">Shown once. Your application verifies signatures with it:</Text>
            <Copy text={key} />
          </Stack>
        )}
      </Stack>
    </Paper>
  );
}
