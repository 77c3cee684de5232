import { Button, Group, NativeSelect, Paper, Text, Title } from '@mantine/core';
import { useParams } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { search } from '../api.ts';
import { useEnvironment, useRead } from '../environment.ts';
import { Answer, Empty } from '../parts/answer.tsx';
import { ConnectionLink } from '../parts/connection-link.tsx';
import { Go } from '../parts/go.tsx';
import { Moment } from '../parts/moment.tsx';
import { Page } from '../parts/page.tsx';
import { State } from '../parts/state.tsx';
import type { Message, Operation } from '../shapes.ts';
import { duration } from '../words.ts';
import { titleOf } from './logs.tsx';

const PAGE = 200;
const LEVELS = ['debug', 'info', 'warn', 'error'];

/** One operation with what it says of its course. */
export function OperationScreen() {
  const id = useParams({ strict: false }).operation ?? '';
  const operation = useRead<Operation>(`/logs/operations/${encodeURIComponent(id)}`, { live: 'logs' });
  return (
    <Page title={operation.data === undefined ? 'Operation' : titleOf(operation.data)}>
      <Answer of={operation}>
        {(shown) => (
          <>
            <Facts of={shown} />
            <Messages of={shown} />
          </>
        )}
      </Answer>
    </Page>
  );
}

function Facts({ of }: { readonly of: Operation }) {
  const env = useEnvironment();
  const { connection_id, provider_config_key } = of;
  return (
    <Paper withBorder p="md">
      <Group gap="xl" align="flex-start">
        <Fact name="Status">
          <State of={of.status} />
        </Fact>
        <Fact name="Operation">{of.operation.replaceAll('_', ' ')}</Fact>
        {provider_config_key !== null && (
          <Fact name="Connection">
            {connection_id !== null && (
              <>
                <ConnectionLink of={{ connection_id, provider_config_key }} /> of{' '}
              </>
            )}
            {provider_config_key}
          </Fact>
        )}
        <Fact name="Started">
          <Moment at={of.created_at} />
        </Fact>
        <Fact name="Took">{of.duration_ms === null ? 'not over yet' : duration(of.duration_ms)}</Fact>
        <Fact name="Says">{of.summary}</Fact>
        {of.run_id !== null && (
          <Fact name="More">
            <Go to="/env/$env/runs/$run" params={{ env, run: of.run_id }} size="sm">
              The run with its calls
            </Go>
          </Fact>
        )}
        {of.delivery_id !== null && (
          <Fact name="More">
            <Go to="/env/$env/webhooks" params={{ env }} size="sm">
              The webhooks, to send it again
            </Go>
          </Fact>
        )}
      </Group>
    </Paper>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div style={{ maxWidth: '28rem' }}>
      <Text size="xs" c="dimmed">
        {name}
      </Text>
      <Text size="sm" component="div" className="odd-name">
        {children}
      </Text>
    </div>
  );
}

function Messages({ of }: { readonly of: Operation }) {
  const [level, setLevel] = useState('');
  const [after, setAfter] = useState<readonly number[]>([]);
  const path = `/logs/operations/${encodeURIComponent(of.id)}/messages${search({ level, after: after.at(-1), limit: PAGE })}`;
  const page = useRead<{ messages: Message[]; next_after: number | null }>(path, { live: 'logs', keep: true });
  return (
    <Paper withBorder p="md">
      <Group justify="space-between" mb="sm">
        <Title order={2}>Messages</Title>
        <NativeSelect
          aria-label="Level"
          value={level}
          data={[{ value: '', label: 'Every level' }, ...LEVELS]}
          onChange={(event) => {
            setLevel(event.currentTarget.value);
            setAfter([]);
          }}
        />
      </Group>
      <Answer of={page}>
        {({ messages, next_after: next }) => (
          <>
            {messages.length === 0 && <Empty title={level === '' ? 'It said nothing' : `Nothing at level ${level}`} />}
            <ol className="timeline">
              {messages.map((message) => (
                <Line key={message.seq} of={message} />
              ))}
            </ol>
            {(next !== null || after.length > 0) && (
              <Group mt="sm">
                <Button
                  variant="default"
                  size="xs"
                  disabled={after.length === 0}
                  onClick={() => setAfter(after.slice(0, -1))}
                >
                  Earlier
                </Button>
                <Button
                  variant="default"
                  size="xs"
                  disabled={next === null}
                  onClick={() => next !== null && setAfter([...after, next])}
                >
                  Later
                </Button>
              </Group>
            )}
          </>
        )}
      </Answer>
    </Paper>
  );
}

const TONES: Readonly<Record<string, string>> = { info: 'good', warn: 'wait', error: 'bad' };

function Line({ of: { at, level, message, http } }: { readonly of: Message }) {
  return (
    <li>
      <span className="when" title={at}>
        {new Date(at).toLocaleTimeString()}
      </span>
      <span className="dot" data-tone={TONES[level]} aria-hidden />
      <div>
        <Text size="sm" className="odd-name" component="span" style={{ whiteSpace: 'pre-wrap' }}>
          {message}
        </Text>
        <Text size="xs" c="dimmed">
          {level}
          {http && `, ${duration(http.duration_ms)}`}
        </Text>
        {http && (
          <details>
            <summary>Request and response</summary>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
            <pre className="code" tabIndex={0}>
              {exchangeText(http)}
            </pre>
          </details>
        )}
      </div>
    </li>
  );
}

function exchangeText({ request, response }: NonNullable<Message['http']>): string {
  const lines = (headers: Readonly<Record<string, string>>) =>
    Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const answer = response === null ? ['(no answer)'] : [String(response.status), ...lines(response.headers)];
  return [`${request.method} ${request.url}`, ...lines(request.headers), '', ...answer].join('\n');
}
