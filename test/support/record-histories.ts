/**
 * Records the histories that `test/workflows/replay.test.ts` replays: real runs on the Temporal dev server, of the
 * workflows as they are now, with activities that answer what the case needs.
 *
 *   npm run record-histories                   records the cases that have no file yet
 *   npm run record-histories -- sync-waiting-2027      the same, of these only
 *
 * A file that is there is never written again: it stands for runs that may still be open somewhere.
 */
import { randomUUID } from 'node:crypto';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type WorkflowHandle, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { NativeConnection, Worker } from '@temporalio/worker';
import { failureInterceptor } from '../../activities/index.ts';
import { freePort } from '../../platform/ports.ts';
import { startTemporal } from '../../platform/temporal-server.ts';
import { bundleWorkflows } from '../../worker/bundle.ts';
import { installSdk } from '../../worker/sdk.ts';
import { CASES, type HistoryCase } from './history-cases.ts';

const wanted = process.argv.slice(2);
const missing: HistoryCase[] = [];
for (const one of CASES) if (isWanted(one) && !(await exists(fileOf(one)))) missing.push(one);
if (missing.length === 0) process.stdout.write('Every history is recorded.\n');
else
  for (const [longAfter, cases] of Map.groupBy(missing, (one) => one.longAfter))
    await withServer(longAfter, (connection) => recordAll(connection, cases));

function isWanted({ name }: HistoryCase): boolean {
  return wanted.length === 0 || wanted.includes(name);
}

/** @param part which execution of those that continued each other, from 1. */
function fileOf({ name }: HistoryCase, part = 1): URL {
  return new URL(`../histories/${name}${part > 1 ? `-${part}` : ''}.json`, import.meta.url);
}

async function withServer(
  longAfter: number | undefined,
  work: (connection: NativeConnection) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nango-histories-'));
  const [port, uiPort] = [await freePort(), await freePort()];
  const settings = longAfter === undefined ? [] : [`limit.historyCount.suggestContinueAsNew=${longAfter}`];
  // Not before it is needed: the SDK's runtime keeps a process alive until its last connection has closed.
  installSdk(() => undefined);
  const server = await startTemporal({
    folder: join(folder, 'temporal'),
    port,
    uiPort,
    namespace: 'default',
    settings,
  });
  try {
    const connection = await connect(server.address);
    await work(connection).finally(() => connection.close());
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function connect(address: string): Promise<NativeConnection> {
  for (const deadline = Date.now() + 20_000; ; ) {
    try {
      return await NativeConnection.connect({ address });
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

async function recordAll(connection: NativeConnection, cases: readonly HistoryCase[]): Promise<void> {
  const workflowBundle = await bundleWorkflows();
  // Histories carry the identity of who made them; a host name and a pid are nobody's business.
  const identity = 'recorder';
  const client = new Client({ connection, identity });
  for (const one of cases) {
    const taskQueue = one.name;
    const { activities } = one;
    const interceptors = { activity: [() => ({ inbound: failureInterceptor() })] };
    const worker = await Worker.create({ connection, taskQueue, workflowBundle, activities, interceptors, identity });
    await worker.runUntil(async () => {
      const options = { workflowId: `${one.name}-${randomUUID()}`, taskQueue, args: [one.input] };
      const handle = await client.workflow.start(one.workflow, options);
      await one.meanwhile?.(handle);
      await handle.result().catch(() => undefined);
      await record(one, client, handle);
    });
  }
}

/** Each execution of those that continued each other, as a file of its own. */
async function record(
  one: HistoryCase,
  client: Client,
  { workflowId, firstExecutionRunId }: WorkflowHandleWithFirstExecutionRunId,
): Promise<void> {
  let runId: string | null | undefined = firstExecutionRunId;
  for (let part = 1; runId; part += 1) {
    const history: History = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    await writeFile(fileOf(one, part), historyText(history));
    process.stdout.write(`Recorded ${one.name}, part ${part}.\n`);
    runId = history.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
  }
}

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;

function historyText(made: History): string {
  const history: unknown = JSON.parse(historyToJSON(made));
  // Stacks name this machine's folders, and no replay reads them.
  const text = JSON.stringify(history, (key, value: unknown) => (key === 'stackTrace' ? '' : value), 1);
  return `${text}\n`;
}

function exists(file: URL): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
