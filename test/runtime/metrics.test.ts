import { afterEach, expect, test } from '@jest/globals';
import { createMetrics } from '../../runtime/metrics.ts';
import { serveMetrics } from '../../runtime/metrics-server.ts';

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

test('runs are counted by kind and how they ended, and timed where the time is known', async () => {
  const metrics = createMetrics();
  metrics.runEnded({ kind: 'sync', state: 'success' }, 2_400);
  metrics.runEnded({ kind: 'sync', state: 'success' }, 20);
  metrics.runEnded({ kind: 'action', state: 'cancelled' });
  const text = await metrics.text();
  expect(text).toContain('nango_runs_total{kind="sync",state="success"} 2');
  expect(text).toContain('nango_runs_total{kind="action",state="cancelled"} 1');
  expect(text).toContain('nango_run_duration_seconds_sum{kind="sync",state="success"} 2.42');
  expect(text).toContain('nango_run_duration_seconds_bucket{le="1",kind="sync",state="success"} 1');
  expect(text).not.toContain('nango_run_duration_seconds_count{kind="action"');
});

test('records are counted by what happened to them', async () => {
  const metrics = createMetrics();
  metrics.recordsWritten({ added: 3, updated: 2, deleted: 0 });
  metrics.recordsWritten({ added: 1, updated: 0, deleted: 5 });
  const text = await metrics.text();
  for (const line of ['added"} 4', 'updated"} 2', 'deleted"} 5'])
    expect(text).toContain(`nango_records_written_total{change="${line}`);
});

test('a gauge is read once for scrapes that follow each other, and one that cannot be read is absent', async () => {
  const metrics = createMetrics();
  let reads = 0;
  metrics.watch({ name: 'nango_well', help: 'w', labels: ['queue'] }, async () => {
    reads += 1;
    return [{ labels: { queue: 'a' }, value: 7 }];
  });
  metrics.watch({ name: 'nango_ill', help: 'i', labels: [] }, async () => Promise.reject(new Error('down')));
  metrics.append(async () => Promise.reject(new Error('down')));
  metrics.append(async () => 'temporal_other 1\n');
  const [text] = await Promise.all([metrics.text(), metrics.text()]);
  expect(text).toContain('nango_well{queue="a"} 7');
  expect(text).not.toMatch(/^nango_ill /m);
  expect(text).toContain('\ntemporal_other 1');
  expect(reads).toBe(1);
});

test('the port for metrics has them and the life of the process, and nothing else', async () => {
  const metrics = createMetrics();
  const { port, close } = await serveMetrics(metrics, { port: 0, host: '127.0.0.1' });
  open.push(close);
  const ask = async (path: string, method = 'GET') => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
  };
  expect(await ask('/health')).toMatchObject({ status: 200, text: '{"result":"ok"}' });
  const { status, type, text } = await ask('/metrics?x=1');
  expect([status, type]).toEqual([200, metrics.contentType]);
  expect(text).toContain('process_cpu_seconds_total');
  expect((await ask('/')).status).toBe(404);
  expect((await ask('/metrics', 'POST')).status).toBe(404);
});
