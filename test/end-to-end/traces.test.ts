import { beforeAll, expect, test } from '@jest/globals';
import { createConnection, createIntegration } from '../../platform/example.ts';
import { type CollectedSpan, openCollector } from '../support/collector.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { runSync, usePlatform } from '../support/platform.ts';
import { useUpstream } from '../support/upstream.ts';

const collector = await openCollector();
const platform = usePlatform({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
const upstream = useUpstream();
const CALLER = { trace: 'a'.repeat(32), span: 'b'.repeat(16) };

beforeAll(async () => {
  await createIntegration(platform.caller, 'tracker', 'example-tracker');
  await createConnection(platform.caller, 'tracker', 'acme');
  const call = `await nango.get({ endpoint: '/things', params: { key: 'secret-query' }, baseUrlOverride: '${upstream.url}' });`;
  await deployScripts(platform.caller, 'tracker', [
    { name: 'look', type: 'action', source: `export default async function run(nango: any) { ${call} return 1; }` },
    { name: 'tasks', source: `export default async function fetchData(nango: any) { ${call} }` },
  ]);
});

/** The names from the root to this span. */
function pathTo(span: CollectedSpan, spans: readonly CollectedSpan[]): string[] {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
  return [...(parent === undefined ? [] : pathTo(parent, spans)), span.name];
}

test('one action is one trace: the request of its caller, workflow, activity, call of the script, request to the API', async () => {
  upstream.handleWith(() => ({ json: {} }));
  const answer = await fetch(`${platform.caller.apiUrl}/action/trigger`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${platform.caller.key}`,
      'content-type': 'application/json',
      'provider-config-key': 'tracker',
      'connection-id': 'acme',
      traceparent: `00-${CALLER.trace}-${CALLER.span}-01`,
    },
    body: JSON.stringify({ action_name: 'look' }),
  });
  expect(await answer.text()).toBe('1');
  const path = [
    'POST /action/trigger',
    'workflow actionWorkflow',
    'activity runAction',
    'nango.request',
    'GET 127.0.0.1',
  ];
  const spans = (await collector.whole(path)).filter(({ traceId }) => traceId === CALLER.trace);
  const request = spans.find(({ name }) => name === 'GET 127.0.0.1');
  expect(request && pathTo(request, spans)).toEqual(path);
  expect(spans.find(({ name }) => name === path[0])?.parentSpanId).toBe(CALLER.span);
  expect(request?.attributes).toContainEqual({ key: 'http.response.status_code', value: { intValue: 200 } });
  // The API hears nothing of it, and the collector nothing of what was asked.
  expect(upstream.requests.map(({ headers }) => headers['traceparent'])).toEqual([undefined]);
  expect(JSON.stringify(collector.spans)).not.toContain('secret-query');
});

test('a sync belongs to the request that triggered it, and what a schedule starts is a trace of its own', async () => {
  await runSync(platform, { integration: 'tracker', connection: 'acme', name: 'tasks' });
  const path = ['POST /sync/trigger', 'workflow syncWorkflow', 'activity runScript', 'nango.request', 'GET 127.0.0.1'];
  const spans = await collector.whole(path);
  const roots = spans.filter(({ name }) => name === path[0]).map(({ traceId }) => traceId);
  const requests = spans.filter(({ name, traceId }) => name === path.at(-1) && roots.includes(traceId));
  expect(requests.map((request) => pathTo(request, spans))).toEqual([path]);
  const reconcile = (await collector.whole(['workflow reconcileWorkflow', 'activity reconcileSyncs'])).find(
    ({ name }) => name === 'workflow reconcileWorkflow',
  );
  expect(reconcile?.parentSpanId ?? '').toBe('');
});
