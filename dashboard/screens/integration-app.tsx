import { Button, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useAsk, useRead } from '../environment.ts';
import { useAct } from '../parts/act.ts';
import { Answer } from '../parts/answer.tsx';
import type { Integration } from '../shapes.ts';

type App = { readonly client_id?: string; readonly client_secret?: string; readonly scopes?: string };
type WithApp = Integration & { readonly credentials?: App | null };

/** The OAuth app of an integration, as it is changed: its secret is never shown, and stays when none is typed. */
export function IntegrationApp({ integration, close }: { readonly integration: string; readonly close: () => void }) {
  const path = `/integrations/${encodeURIComponent(integration)}`;
  const current = useRead<{ data: WithApp }>(`${path}?include=credentials`);
  return <Answer of={current}>{({ data }) => <AppForm of={data} path={path} close={close} />}</Answer>;
}

function AppForm({ of, path, close }: { readonly of: WithApp; readonly path: string; readonly close: () => void }) {
  const ask = useAsk();
  const [form, setForm] = useState({
    client_id: of.credentials?.client_id ?? '',
    client_secret: '',
    scopes: of.credentials?.scopes ?? '',
  });
  const { client_secret: secret, ...open } = form;
  const credentials = { ...of.credentials, ...open, ...(secret !== '' && { client_secret: secret }) };
  const save = useAct(() => ask('PATCH', path, { body: { credentials } }), {
    done: 'The credentials are saved',
    after: close,
  });
  const hasSecret = Boolean(of.credentials?.client_secret);
  return (
    <Stack
      component="form"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Text size="sm">Connections that exist keep their tokens; those that sign in from now on use this app.</Text>
      <TextInput
        label="Client id"
        required
        autoComplete="off"
        value={form.client_id}
        onChange={(event) => setForm({ ...form, client_id: event.currentTarget.value })}
      />
      <PasswordInput
        label="Client secret"
        description={hasSecret ? 'Left empty, it stays as it is' : undefined}
        required={!hasSecret}
        autoComplete="new-password"
        value={form.client_secret}
        onChange={(event) => setForm({ ...form, client_secret: event.currentTarget.value })}
      />
      <TextInput
        label="Scopes, with commas"
        autoComplete="off"
        value={form.scopes}
        onChange={(event) => setForm({ ...form, scopes: event.currentTarget.value })}
      />
      <Button type="submit" loading={save.isPending}>
        Save credentials
      </Button>
    </Stack>
  );
}
