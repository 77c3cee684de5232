import { expect, test } from '@jest/globals';
import { traceparentOf, UNTRACED } from '../../contract/tracing.ts';
import { createExchange } from '../../outbound/exchange.ts';
import { traceExchange } from '../../outbound/traced-exchange.ts';
import { openTraces } from '../../runtime/tracing.ts';
import { openCollector } from '../support/collector.ts';
import { useUpstream } from '../support/upstream.ts';

const collector = await openCollector();
const upstream = useUpstream();
const SERVICE = { headers: 'x-team=a%20b, x-key=c', service: 'test', version: '1' };
const open = () => openTraces({ ...SERVICE, endpoint: collector.url });
const PARENT = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;

test('spans inside one another form one trace, and what is thrown marks its span without its message', async () => {
  const tracing = open();
  const failing = tracing.span('outer', { parent: PARENT, attributes: { n: 1 } }, () =>
    tracing.span('inner', {}, async () => Promise.reject(new Error('a secret'))),
  );
  await expect(failing).rejects.toThrow('a secret');
  await tracing.close();
  const [outer, inner] = ['outer', 'inner'].map((name) => collector.spans.find((span) => span.name === name));
  expect(outer).toMatchObject({ traceId: '1'.repeat(32), parentSpanId: '2'.repeat(16) });
  expect(inner).toMatchObject({ traceId: '1'.repeat(32), parentSpanId: outer?.spanId, status: { code: 2 } });
  expect(JSON.stringify(collector.spans)).not.toContain('a secret');
  expect(collector.headers.at(-1)).toMatchObject({ 'x-team': 'a b', 'x-key': 'c' });
});

test('what is no traceparent begins a new trace, and a caller who is not sampled has no spans', async () => {
  const tracing = open();
  await tracing.span('fresh', { parent: 'nonsense' }, async () => undefined);
  await tracing.span('unsampled', { parent: PARENT.replace(/01$/, '00') }, async () => undefined);
  await tracing.close();
  const names = collector.spans.map(({ name }) => name);
  expect(names).toContain('fresh');
  expect(names).not.toContain('unsampled');
});

test('the span of work that never settles ends when it is told to', async () => {
  const tracing = open();
  const over = new AbortController();
  void tracing.span('suspended', { until: over.signal }, () => new Promise(() => undefined));
  over.abort();
  await tracing.close();
  expect(collector.spans.map(({ name }) => name)).toContain('suspended');
});

test('a workflow names its span by its run id, below what started it', async () => {
  const run = '01234567-89ab-7def-8123-456789abcdef';
  expect(traceparentOf(run, undefined)).toBe('00-0123456789ab7def8123456789abcdef-8123456789abcdef-01');
  const traceparent = traceparentOf(run, PARENT);
  expect(traceparent).toBe(`00-${'1'.repeat(32)}-8123456789abcdef-01`);
  const tracing = open();
  const ended = { type: 'syncWorkflow', workflowId: 'w', startedAt: new Date(), failed: false };
  tracing.workflowEnded({ ...ended, traceparent, parent: PARENT });
  await tracing.close();
  expect(collector.spans.find(({ name }) => name === 'workflow syncWorkflow')).toMatchObject({
    traceId: '1'.repeat(32),
    spanId: '8123456789abcdef',
    parentSpanId: '2'.repeat(16),
  });
});

test('an API is told of the trace only if the operator wants it', async () => {
  const exchange = createExchange({ allow: ['127.0.0.1'], connectTimeoutMs: 5_000, answerTimeoutMs: 5_000 });
  const tracing = open();
  const request = {
    ...{ method: 'GET', url: new URL(upstream.url), headers: {}, body: undefined },
    ...{ decompress: true, forwardHeaders: false },
  };
  for (const tells of [false, true]) {
    const { body } = await traceExchange(exchange, tracing, tells).attempt(request, new AbortController().signal);
    body.resume();
  }
  await tracing.close();
  exchange.close();
  const sent = upstream.requests.map(({ headers }) => headers['traceparent']);
  const spans = collector.spans.filter(({ name }) => name === 'GET 127.0.0.1');
  expect(spans).toHaveLength(2);
  expect(sent).toEqual([undefined, `00-${spans[1]?.traceId}-${spans[1]?.spanId}-01`]);
  expect(traceExchange(exchange, UNTRACED, true)).toBe(exchange);
});

test('a collector that is not there costs spans, nothing else', async () => {
  const tracing = openTraces({ ...SERVICE, endpoint: 'http://127.0.0.1:1' });
  expect(await tracing.span('lost', {}, async () => 7)).toBe(7);
  await tracing.close();
});
