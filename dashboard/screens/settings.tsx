import { Paper, Stack, Text, Title } from '@mantine/core';
import { useRead, useSession } from '../environment.ts';
import { Answer } from '../parts/answer.tsx';
import { Copy } from '../parts/copy.tsx';
import { Page } from '../parts/page.tsx';
import { type ApiKey, KeySettings } from './settings-keys.tsx';
import { type Variable, VariableSettings } from './settings-variables.tsx';
import { WebhookSettings, type Webhooks } from './settings-webhooks.tsx';

export function SettingsScreen() {
  const session = useSession();
  const keys = useRead<{ data: ApiKey[] }>('/environment/api-keys');
  const variables = useRead<Variable[]>('/environment-variables');
  const webhooks = useRead<{ data: Webhooks }>('/environment/webhooks');
  return (
    <Page title="Settings">
      <Paper withBorder p="md">
        <Stack gap="xs">
          <Title order={2}>Addresses</Title>
          <Text size="sm">Where providers send people back to; register it in each OAuth app:</Text>
          <Copy text={session?.callback_url ?? ''} />
          <Text size="sm">Where your product reaches this server:</Text>
          <Copy text={session?.server_url ?? ''} />
        </Stack>
      </Paper>
      <Answer of={keys}>{({ data }) => <KeySettings keys={data} />}</Answer>
      <Answer of={webhooks}>{({ data }) => <WebhookSettings of={data} />}</Answer>
      <Answer of={variables}>{(all) => <VariableSettings all={all} />}</Answer>
    </Page>
  );
}
