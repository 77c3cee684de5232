import { Accordion, Button, Group, Stack, Tabs, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useParams } from '@tanstack/react-router';
import { search } from '../api.ts';
import { useEnvironment, useRead, useSession } from '../environment.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { Copy } from '../parts/copy.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Go } from '../parts/go.tsx';
import { Moment } from '../parts/moment.tsx';
import { Page } from '../parts/page.tsx';
import type { Integration, Script } from '../shapes.ts';
import { ActionForm } from './action-form.tsx';
import { IntegrationApp } from './integration-app.tsx';

export function IntegrationScreen() {
  const env = useEnvironment();
  const key = useParams({ strict: false }).integration ?? '';
  const integration = useRead<{ data: Integration & { webhook_url: string } }>(
    `/integrations/${encodeURIComponent(key)}?include=webhook`,
  );
  const scripts = useRead<{ scripts: Script[] }>(`/dashboard/scripts${search({ provider_config_key: key })}`);
  const session = useSession();
  const [isOpen, dialog] = useDisclosure(false);
  return (
    <Page title={key} actions={<Button onClick={dialog.open}>Change credentials</Button>}>
      <Answer of={integration}>
        {({ data }) => (
          <Stack gap="xs">
            <Text size="sm" c="dimmed">
              {data.display_name === key ? 'An' : `${data.display_name}, an`} integration with {data.provider} ·{' '}
              <Go to="/env/$env/connections" params={{ env }} search={{ integration: key }}>
                its connections
              </Go>
            </Text>
            <Text size="sm">Callback URL of its OAuth app:</Text>
            <Copy text={session?.callback_url ?? ''} />
            <Text size="sm">Where the API sends its webhooks:</Text>
            <Copy text={data.webhook_url} />
          </Stack>
        )}
      </Answer>
      <Answer of={scripts}>
        {({ scripts: all }) =>
          all.length === 0 ? (
            <Empty title="No syncs or actions are deployed" command={`nango deploy ${env}`}>
              Write them in nango-integrations/, under the name {key}.
            </Empty>
          ) : (
            <Accordion variant="separated" multiple order={2}>
              {all.map((script) => (
                <Accordion.Item key={`${script.type} ${script.name}`} value={`${script.type}-${script.name}`}>
                  <Accordion.Control>
                    <Group gap="sm">
                      <Text fw={600} className="odd-name">
                        {script.name}
                      </Text>
                      <Text size="sm" c="dimmed">
                        {script.type} · {script.runs ?? 'when it is called'} · version {script.version}
                      </Text>
                    </Group>
                  </Accordion.Control>
                  <Accordion.Panel>
                    <ScriptPanel of={script} integration={key} />
                  </Accordion.Panel>
                </Accordion.Item>
              ))}
            </Accordion>
          )
        }
      </Answer>
      <Dialog isOpen={isOpen} close={dialog.close} title={`Credentials of ${key}`}>
        <IntegrationApp integration={key} close={dialog.close} />
      </Dialog>
    </Page>
  );
}

function ScriptPanel({ of, integration }: { readonly of: Script; readonly integration: string }) {
  const env = useEnvironment();
  const facts = [
    of.models.length > 0 && `Models ${of.models.join(', ')}`,
    of.sync_type,
    of.track_deletes && 'tracks deletions',
    of.type === 'sync' && !of.auto_start && 'starts when it is told to',
  ].filter((fact) => fact);
  return (
    <Stack gap="sm">
      {of.description && <Text size="sm">{of.description}</Text>}
      <Group gap="md">
        <Text size="sm">{facts.join(' · ')}</Text>
        <Text size="sm">
          deployed <Moment at={of.last_deployed} />
        </Text>
        <Go to="/env/$env/runs" params={{ env }} search={{ integration, name: of.name }} size="sm">
          its runs
        </Go>
      </Group>
      <Tabs defaultValue={of.type === 'action' ? 'run' : 'code'} keepMounted={false}>
        <Tabs.List mb="sm">
          {of.type === 'action' && <Tabs.Tab value="run">Run</Tabs.Tab>}
          <Tabs.Tab value="code">Code</Tabs.Tab>
          <Tabs.Tab value="schema">Schema</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="run">
          <ActionForm action={of} integration={integration} />
        </Tabs.Panel>
        <Tabs.Panel value="code">
          <Source text={of.source ?? 'Only the compiled script was deployed.'} />
        </Tabs.Panel>
        <Tabs.Panel value="schema">
          <Source
            text={of.json_schema === null ? 'No schema was deployed with it.' : JSON.stringify(of.json_schema, null, 2)}
          />
        </Tabs.Panel>
      </Tabs>
    </Stack>
  );
}

function Source({ text }: { readonly text: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by the keyboard
    <pre className="code" tabIndex={0}>
      {text}
    </pre>
  );
}
