import { Button, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useAsk, useRead } from '../environment.ts';
import { useAct } from '../parts/act.ts';
import { Answer } from '../parts/answer.tsx';
import { hasApp, type Integration, type Provider } from '../shapes.ts';

type App = { readonly client_id?: string; readonly client_secret?: string; readonly scopes?: string };
type WithApp = Integration & { readonly credentials?: App | null };

/** The OAuth app of an integration, as it is changed: its secret is never shown, and stays when none is typed. */
export function IntegrationApp({ integration, close }: { readonly integration: string; readonly close: () => void }) {
  const path = `/integrations/${encodeURIComponent(integration)}`;
  const current = useRead<{ data: WithApp }>(`${path}?include=credentials`);
  return <Answer of={current}>{({ data }) => <OfProvider of={data} path={path} close={close} />}</Answer>;
}

type Form = { readonly of: WithApp; readonly path: string; readonly close: () => void };

/** Only where connections sign in through an app is there one to change. */
function OfProvider(form: Form) {
  const provider = useRead<{ data: Provider }>(`/providers/${encodeURIComponent(form.of.provider)}`);
  return (
    <Answer of={provider}>
      {({ data }) =>
        hasApp(data) ? (
          <AppForm {...form} type={data.auth_mode} />
        ) : (
          <Text size="sm">This API knows no app of yours: each connection brings its own credentials.</Text>
        )
      }
    </Answer>
  );
}

function AppForm({ of, path, close, type }: Form & { readonly type: string }) {
  const ask = useAsk();
  const [form, setForm] = useState({
    client_id: of.credentials?.client_id ?? '',
    client_secret: '',
    scopes: of.credentials?.scopes ?? '',
  });
  const { client_secret: secret, ...open } = form;
  const credentials = { type, ...of.credentials, ...open, ...(secret !== '' && { client_secret: secret }) };
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
