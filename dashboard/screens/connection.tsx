import { Alert, Button, Group, Stack, Table, Tabs, Text, Textarea, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { search } from '../api.ts';
import { useAsk, useEnvironment, useRead } from '../environment.ts';
import { useAct } from '../parts/act.ts';
import { Answer } from '../parts/answer.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Go } from '../parts/go.tsx';
import { Moment } from '../parts/moment.tsx';
import { Page } from '../parts/page.tsx';
import type { OneConnection } from '../shapes.ts';
import type { Address } from './connection-address.ts';
import { ConnectionRecords } from './connection-records.tsx';
import { ConnectionSyncs } from './connection-syncs.tsx';

export function ConnectionScreen() {
  const params = useParams({ strict: false });
  const at: Address = { integration: params.integration ?? '', connection: params.connection ?? '' };
  const env = useEnvironment();
  const query = search({ provider_config_key: at.integration });
  const connection = useRead<OneConnection>(`/dashboard/connections/${encodeURIComponent(at.connection)}${query}`, {
    live: true,
  });
  return (
    <Page title={at.connection} actions={<Remove at={at} />}>
      <Text size="sm" c="dimmed">
        Connection of{' '}
        <Go to="/env/$env/integrations/$integration" params={{ env, integration: at.integration }}>
          {at.integration}
        </Go>
        {' · '}
        <Go to="/env/$env/runs" params={{ env }} search={at}>
          its runs
        </Go>
        {' · '}
        <Go to="/env/$env/logs" params={{ env }} search={at}>
          its logs
        </Go>
      </Text>
      <Answer of={connection}>
        {(shown) => (
          <>
            {shown.errors.map((error) => (
              <Alert key={error.type} color="red" variant="outline" title="This person has to sign in again">
                <Text size="sm" className="odd-name">
                  {error.message ?? 'The provider does not take the credentials any more.'} Since{' '}
                  <Moment at={error.since} />. Open a session with POST /connect/sessions/reconnect.
                </Text>
              </Alert>
            ))}
            <Tabs defaultValue="syncs" keepMounted={false}>
              <Tabs.List mb="md">
                <Tabs.Tab value="syncs">Syncs</Tabs.Tab>
                <Tabs.Tab value="records">Records</Tabs.Tab>
                <Tabs.Tab value="details">Details</Tabs.Tab>
              </Tabs.List>
              <Tabs.Panel value="syncs">
                <ConnectionSyncs at={at} />
              </Tabs.Panel>
              <Tabs.Panel value="records">
                <ConnectionRecords at={at} />
              </Tabs.Panel>
              <Tabs.Panel value="details">
                <Details at={at} of={shown} />
              </Tabs.Panel>
            </Tabs>
          </>
        )}
      </Answer>
    </Page>
  );
}

function Details({ at, of }: { readonly at: Address; readonly of: OneConnection }) {
  const rows: readonly (readonly [string, string])[] = [
    ['Provider', of.provider],
    ['End user', of.end_user === null ? '–' : JSON.stringify(of.end_user)],
    ['Tags', JSON.stringify(of.tags)],
    ['Connection config', JSON.stringify(of.connection_config)],
    ...Object.entries(of.credentials).map(([name, value]) => [`Credentials: ${name}`, String(value)] as const),
    ['Created', new Date(of.created_at).toLocaleString()],
    ['Credentials last fetched', of.last_fetched_at === null ? 'never' : new Date(of.last_fetched_at).toLocaleString()],
  ];
  return (
    <Stack>
      <div className="wide">
        <Table>
          <Table.Tbody>
            {rows.map(([name, value]) => (
              <Table.Tr key={name}>
                <Table.Th scope="row" w={220}>
                  {name}
                </Table.Th>
                <Table.Td className="odd-name">{value}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
      <Metadata at={at} of={of} />
    </Stack>
  );
}

function Metadata({ at, of }: { readonly at: Address; readonly of: OneConnection }) {
  const ask = useAsk();
  const [text, setText] = useState(() => JSON.stringify(of.metadata, null, 2));
  const value = jsonObject(text);
  const save = useAct(
    () =>
      ask('POST', '/connections/metadata', {
        body: { connection_id: at.connection, provider_config_key: at.integration, metadata: value },
      }),
    { done: 'The metadata is saved' },
  );
  return (
    <Stack gap="xs" align="flex-start">
      <Textarea
        w="100%"
        label="Metadata"
        description="A JSON object that scripts read with nango.getMetadata()"
        autosize
        minRows={3}
        maxRows={20}
        ff="monospace"
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        error={value === undefined ? 'Expected a JSON object' : undefined}
      />
      <Button size="xs" disabled={value === undefined} loading={save.isPending} onClick={() => save.mutate()}>
        Save metadata
      </Button>
    </Stack>
  );
}

function jsonObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function Remove({ at }: { readonly at: Address }) {
  const ask = useAsk();
  const env = useEnvironment();
  const navigate = useNavigate();
  const [isOpen, dialog] = useDisclosure(false);
  const [typed, setTyped] = useState('');
  const path = `/connections/${encodeURIComponent(at.connection)}${search({ provider_config_key: at.integration })}`;
  const remove = useAct(() => ask('DELETE', path), {
    done: `Connection '${at.connection}' is deleted`,
    after: () => void navigate({ to: '/env/$env/connections', params: { env } }),
  });
  return (
    <>
      <Button variant="default" size="xs" onClick={dialog.open}>
        Delete
      </Button>
      <Dialog isOpen={isOpen} close={dialog.close} title="Delete this connection?">
        <Stack>
          <Text size="sm">Its credentials, syncs, runs and records are deleted with it, for good.</Text>
          <TextInput
            label="Type its id to confirm"
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            data-autofocus
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={dialog.close}>
              Keep it
            </Button>
            <Button
              color="red.9"
              disabled={typed !== at.connection}
              loading={remove.isPending}
              onClick={() => remove.mutate()}
            >
              Delete
            </Button>
          </Group>
        </Stack>
      </Dialog>
    </>
  );
}
