import { Button, Stack, Text, TextInput } from '@mantine/core';
import { useDebouncedValue, useDisclosure } from '@mantine/hooks';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { search } from '../api.ts';
import { useAsk, useEnvironment, useRead } from '../environment.ts';
import { useAct } from '../parts/act.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Go } from '../parts/go.tsx';
import { Moment } from '../parts/moment.tsx';
import { Page } from '../parts/page.tsx';
import { type Columns, DataTable } from '../parts/table.tsx';
import { hasApp, type Integration, type Provider } from '../shapes.ts';

const SHOWN = 30;

const COLUMNS: Columns<Integration> = [
  { header: 'Integration', accessorKey: 'unique_key', cell: ({ row }) => <Name of={row.original} /> },
  {
    header: 'Name',
    accessorKey: 'display_name',
    cell: ({ row }) => <span className="odd-name">{row.original.display_name}</span>,
  },
  { header: 'API', accessorKey: 'provider' },
  { header: 'Created', accessorKey: 'created_at', cell: ({ row }) => <Moment at={row.original.created_at} /> },
];

function Name({ of }: { readonly of: Integration }) {
  const env = useEnvironment();
  return (
    <Go to="/env/$env/integrations/$integration" params={{ env, integration: of.unique_key }} className="odd-name">
      {of.unique_key}
    </Go>
  );
}

export function IntegrationsScreen() {
  const integrations = useRead<{ data: Integration[] }>('/integrations');
  const [isOpen, dialog] = useDisclosure(false);
  const create = <Button onClick={dialog.open}>New integration</Button>;
  return (
    <Page title="Integrations" actions={create}>
      <Answer of={integrations}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty title="No integrations yet" command="nango providers">
              Each integration is one API with your credentials for it. Choose one with “New integration”, or look at
              the list:
            </Empty>
          ) : (
            <DataTable label="Integrations" rows={data} columns={COLUMNS} keyOf={(row) => row.unique_key} />
          )
        }
      </Answer>
      <Dialog isOpen={isOpen} close={dialog.close} size="lg" title="New integration">
        <NewIntegration />
      </Dialog>
    </Page>
  );
}

function NewIntegration() {
  const [typed, setTyped] = useState('');
  const [chosen, setChosen] = useState<Provider | null>(null);
  const [wanted] = useDebouncedValue(typed, 200);
  const providers = useRead<{ data: Provider[] }>(`/providers${search({ search: wanted })}`, { keep: true });
  if (chosen) return <IntegrationForm provider={chosen} back={() => setChosen(null)} />;
  return (
    <Stack>
      <TextInput
        label="Which API?"
        placeholder="Name or category"
        data-autofocus
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
      <Answer of={providers}>
        {({ data }) => (
          <Stack gap={4}>
            {data.slice(0, SHOWN).map((provider) => (
              <Button
                key={provider.name}
                variant="default"
                justify="space-between"
                rightSection={<Text size="xs">{provider.auth_mode}</Text>}
                onClick={() => setChosen(provider)}
              >
                {provider.display_name ?? provider.name}
              </Button>
            ))}
            <Text size="sm" c="dimmed">
              {data.length > SHOWN ? `${data.length - SHOWN} more: search for them.` : `${data.length} found.`} Add your
              own in the file that NANGO_PROVIDERS_FILE names.
            </Text>
          </Stack>
        )}
      </Answer>
    </Stack>
  );
}

function IntegrationForm({ provider, back }: { readonly provider: Provider; readonly back: () => void }) {
  const ask = useAsk();
  const env = useEnvironment();
  const navigate = useNavigate();
  const [key, setKey] = useState(provider.name);
  const [client, setClient] = useState({ client_id: '', client_secret: '', scopes: '' });
  const withApp = hasApp(provider);
  const credentials = { type: provider.auth_mode, ...client };
  const body = { provider: provider.name, unique_key: key, ...(withApp && client.client_id !== '' && { credentials }) };
  const create = useAct(() => ask('POST', '/integrations', { body }), {
    done: `Integration '${key}' is created`,
    after: () => void navigate({ to: '/env/$env/integrations/$integration', params: { env, integration: key } }),
  });
  const field = (name: keyof typeof client, label: string) => (
    <TextInput
      label={label}
      autoComplete="off"
      value={client[name]}
      onChange={(event) => setClient({ ...client, [name]: event.currentTarget.value })}
    />
  );
  return (
    <Stack
      component="form"
      onSubmit={(event) => {
        event.preventDefault();
        create.mutate();
      }}
    >
      <Text>{provider.display_name ?? provider.name}</Text>
      <TextInput
        label="Id of the integration"
        description="Scripts and nango.yaml name it so"
        required
        value={key}
        onChange={(event) => setKey(event.currentTarget.value)}
      />
      {withApp && (
        <>
          {field('client_id', 'Client id')}
          {field('client_secret', 'Client secret')}
          {field('scopes', 'Scopes, with commas')}
        </>
      )}
      <Button type="submit" loading={create.isPending} disabled={key.trim() === ''}>
        Create
      </Button>
      <Button variant="default" onClick={back}>
        Another API
      </Button>
    </Stack>
  );
}
