import { expect, test } from '@jest/globals';
import { TASK_QUEUES } from '../../contract/engine.ts';
import { usePlatform } from '../support/platform.ts';
import { until } from '../support/until.ts';

const platform = usePlatform({ NANGO_METRICS_PORT: '0' }, { syncs: false });

async function ready(): Promise<{ status: number; body: Record<string, string> }> {
  const answer = await fetch(`${platform.caller.apiUrl}/ready`);
  return { status: answer.status, body: (await answer.json()) as Record<string, string> };
}

function untilReady(): Promise<{ status: number; body: Record<string, string> }> {
  return until('readiness', async () => {
    const answer = await ready();
    return answer.status === 200 && answer;
  });
}

/** What the port for metrics says on this line now. */
async function metric(line: string): Promise<number> {
  const ports = platform.events.filter(({ event }) => event === 'metrics.ready').map(({ fields }) => fields['port']);
  const text = await (await fetch(`http://127.0.0.1:${ports.at(-1)}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((one) => one.startsWith(`${line} `))
      ?.slice(line.length),
  );
}

test('what waits for a worker that is not there is counted, and for how long', async () => {
  const run = { workflowId: 'waits', taskQueue: TASK_QUEUES.syncs, args: [{ syncId: '0', runId: 'none' }] };
  await platform.engine.client.workflow.start('syncWorkflow', run);
  const [backlog, age] = ['nango_task_queue_backlog', 'nango_task_queue_backlog_age_seconds'].map(
    (name) => () => metric(`${name}{queue="nango-syncs",task="workflow"}`),
  );
  await until('backlog of one', async () => (await backlog?.()) === 1, { withinMs: 25_000 });
  await until('age of more than a second', async () => Number(await age?.()) > 1, { withinMs: 25_000 });
}, 60_000);

test('an API that runs actions misses the workers for syncs, and is ready once they are there', async () => {
  const { status, body } = await ready();
  expect([status, body['store'], body['migrations'], body['engine']]).toEqual([503, 'ok', 'ok', 'ok']);
  expect(body['workers']).toContain('nango-syncs, nango-background, nango-webhooks');
  expect(body['workers']).toContain('NANGO_WORKER_ROLES=');
  await platform.stop();
  await platform.start();
  expect((await untilReady()).body).toEqual({
    result: 'ok',
    store: 'ok',
    migrations: 'ok',
    engine: 'ok',
    workers: 'ok',
  });
}, 120_000);

test('metrics with a port of their own are not on the port of the REST API', async () => {
  const ports = platform.events.filter(({ event }) => event === 'metrics.ready').map(({ fields }) => fields['port']);
  const own = `http://127.0.0.1:${ports.at(-1)}`;
  expect((await fetch(`${own}/health`)).status).toBe(200);
  const text = await (await fetch(`${own}/metrics`)).text();
  expect(text).toContain('nango_sandbox_processes');
  expect(text).toMatch(/^temporal_/m);
  expect((await fetch(`${platform.caller.apiUrl}/metrics`)).status).toBe(404);
});
