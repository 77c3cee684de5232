/**
 * The bare engine: how fast Temporal alone runs a workflow with one empty local activity, client and worker in one
 * process as the platform has them. What the platform reaches is measured against this, on the same server.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import { bundleWorkflowCode, Worker } from '@temporalio/worker';
import { connectTemporal } from '../../worker/connect.ts';
import { type Load, summary } from '../load.ts';

const NO_TLS = { certFile: undefined, keyFile: undefined, caFile: undefined, apiKey: undefined };
const namespace = 'default';
const taskQueue = `bare-${randomUUID()}`;

const connection = await connectTemporal({ address: process.env['TEMPORAL_ADDRESS'] ?? '', namespace, ...NO_TLS });
const worker = await Worker.create({
  connection,
  namespace,
  taskQueue,
  workflowBundle: await bundleWorkflowCode({ workflowsPath: fileURLToPath(new URL('./workflow.ts', import.meta.url)) }),
  activities: { nothing: async (input: unknown) => input },
  maxCachedWorkflows: 100,
  workflowThreadPoolSize: 1,
  reuseV8Context: true,
});
const client = new Client({ connection, namespace });

// It measures when it is asked to, so that its turns can alternate with the platform's.
const server = http.createServer(async (request, response) => {
  const query = new URL(request.url ?? '/', 'http://bare').searchParams;
  const result = await measure(Number(query.get('callers')), Number(query.get('seconds')));
  response.end(JSON.stringify(result));
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening on ${(server.address() as AddressInfo).port}\n`);
});
await worker.runUntil(once(process, 'SIGTERM'));
server.closeAllConnections();
server.close();
await connection.close();

async function measure(callers: number, forSeconds: number): Promise<Load> {
  const times: number[] = [];
  const begun = performance.now();
  const work = async (): Promise<void> => {
    while (performance.now() - begun < forSeconds * 1000) {
      const at = performance.now();
      await client.workflow.execute('bareWorkflow', {
        taskQueue,
        workflowId: randomUUID(),
        args: [{ text: 'hello' }],
        requestEagerStart: true,
      });
      times.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: callers }, work));
  return summary(times, performance.now() - begun);
}
