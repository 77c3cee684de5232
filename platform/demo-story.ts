import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { type Client, ScheduleOverlapPolicy } from '@temporalio/client';
import { main as runCli } from '../cli/main.ts';
import { EngineError } from '../contract/failures.ts';
import { scheduleId } from '../contract/ids.ts';
import { type Caller, call, createConnection, createIntegration, EXAMPLE_INTEGRATIONS } from './example.ts';
import type { ExampleUpstream } from './example-upstream.ts';

export type DemoStage = {
  readonly caller: Caller;
  readonly upstream: ExampleUpstream;
  readonly client: Client;
  readonly uiUrl: string;
  /** Throw-away folder; the example project is copied into it. */
  readonly folder: string;
  readonly say: (line: string) => void;
  readonly startMs: number;
};

type Run = {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly started_by: string;
  readonly connection_id: string;
  readonly link: string | null;
  readonly workflow_id: string;
};
type TaskRecord = { id: string; title: string; _nango_metadata: { last_action: string; cursor: string } };
type Page = { readonly records: readonly TaskRecord[]; readonly next_cursor: string | null };
type Row = { readonly step: string; readonly ms: number; readonly requests: number; readonly result: string };

const EXAMPLE_PROJECT = fileURLToPath(new URL('../examples/nango-integrations', import.meta.url));
const SEEDED_TASKS = 25;
const RUN_WITHIN_MS = 30_000;

/** Plays the main job step by step; throws at the first step that does not do what it says. */
export async function playDemo(stage: DemoStage): Promise<void> {
  const { caller, upstream, say } = stage;
  const rows: Row[] = [{ step: 'start all parts', ms: stage.startMs, requests: 0, result: 'ready' }];
  const step = async (name: string, work: () => Promise<string>): Promise<void> => {
    say(`\n${name}`);
    const [begun, requests] = [performance.now(), upstream.requests()];
    const result = await work();
    say(`  ${result}`);
    rows.push({ step: name, ms: performance.now() - begun, requests: upstream.requests() - requests, result });
  };
  let seen: Page = { records: [], next_cursor: null };

  await step('create the integrations and a connection', async () => {
    for (const [key, provider] of Object.entries(EXAMPLE_INTEGRATIONS)) {
      await createIntegration(caller, key, provider);
      await createConnection(caller, key, 'acme');
    }
    return "'acme' is connected before anything is deployed";
  });
  await step('nango generate, nango deploy dev', async () => {
    const project = join(stage.folder, 'nango-integrations');
    await cp(EXAMPLE_PROJECT, project, { recursive: true });
    await nango(stage, project, ['generate']);
    await nango(stage, project, ['deploy', 'dev', '--auto-confirm']);
    return "the sync reaches the existing connection 'acme'";
  });
  await step('create a second connection', async () => {
    await createConnection(caller, 'task-tracker', 'globex');
    return "the new connection 'globex' gets the deployed sync";
  });
  await step('first runs, which start by themselves', async () => {
    for (const connection of ['acme', 'globex']) {
      await finishedRun(stage, connection, 'creation');
      seen = await readTasks(caller, connection);
      expect(
        seen.records.length === SEEDED_TASKS,
        `'${connection}' has ${seen.records.length} of ${SEEDED_TASKS} tasks`,
      );
    }
    for (const record of seen.records.slice(0, 2)) say(`  ${JSON.stringify(record)}`);
    say(`  … and ${seen.records.length - 2} more`);
    return `${SEEDED_TASKS} records ADDED for each of the two connections`;
  });
  await step('incremental run by the schedule, after changes upstream', async () => {
    const cursor = lastCursor(seen);
    const added = upstream.addTask({ title: 'Write the release notes' });
    upstream.changeTask('task-1', { title: 'Renamed upstream' });
    upstream.deleteTask('task-2');
    await triggerSchedule(stage.client, 'globex');
    await finishedRun(stage, 'globex', 'schedule');
    const changed = (await readTasks(caller, 'globex', cursor)).records;
    for (const { id, title, _nango_metadata } of changed)
      say(`  ${_nango_metadata.last_action.padEnd(8)} ${id} ${title}`);
    const actions = Object.fromEntries(changed.map(({ id, _nango_metadata }) => [id, _nango_metadata.last_action]));
    const wanted = { [added.id]: 'ADDED', 'task-1': 'UPDATED', 'task-2': 'DELETED' };
    expect(isDeepStrictEqual(actions, wanted), `changes are ${JSON.stringify(actions)}`);
    return '1 ADDED, 1 UPDATED, 1 DELETED, nothing else';
  });
  await step('trigger the action', async () => {
    const body = { action_name: 'post-message', input: { channel: 'general', text: 'The demo works' } };
    const headers = { 'provider-config-key': 'team-chat', 'connection-id': 'acme' };
    const answer = await call<{ ok?: boolean }>(caller, 'POST', '/action/trigger', body, [], headers);
    expect(answer.ok === true, `the action answered ${JSON.stringify(answer)}`);
    return JSON.stringify(answer);
  });
  await showRuns(stage);
  say(`\n${tableOf(rows)}`);
}

/** Runs the real CLI on the project, in this process, with what it prints indented. */
async function nango(stage: DemoStage, cwd: string, argv: readonly string[]): Promise<void> {
  stage.say(`  $ nango ${argv.join(' ')}`);
  const output = new PassThrough();
  output.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.split('\n')) if (line !== '') stage.say(`    ${line}`);
  });
  const { apiUrl, key } = stage.caller;
  const stdin = new PassThrough();
  stdin.end();
  const code = await runCli(argv, {
    stdin,
    stdout: output,
    stderr: output,
    env: { NANGO_HOSTPORT: apiUrl, NANGO_SECRET_KEY_DEV: key },
    cwd,
    isTty: false,
  });
  expect(code === 0, `'nango ${argv.join(' ')}' ended with exit code ${code}`);
}

async function finishedRun(stage: DemoStage, connection: string, startedBy: string): Promise<Run> {
  const query = new URLSearchParams({ provider_config_key: 'task-tracker', connection_id: connection });
  for (const deadline = Date.now() + RUN_WITHIN_MS; Date.now() < deadline; await delay(50)) {
    const { runs } = await call<{ runs: Run[] }>(stage.caller, 'GET', `/runs?${query}`);
    const run = runs.find((candidate) => candidate.started_by === startedBy);
    if (run === undefined || ['queued', 'running', 'waiting'].includes(run.state)) continue;
    expect(run.state === 'success', `run '${run.id}' of '${connection}' ended as ${run.state}`);
    return run;
  }
  throw new EngineError('internal', `No run of '${connection}' started by ${startedBy} ended in ${RUN_WITHIN_MS} ms`);
}

async function readTasks(caller: Caller, connection: string, cursor?: string): Promise<Page> {
  const query = new URLSearchParams({ model: 'Task', ...(cursor !== undefined && { cursor }) });
  const headers = { 'provider-config-key': 'task-tracker', 'connection-id': connection };
  return call<Page>(caller, 'GET', `/records?${query}`, undefined, [], headers);
}

function lastCursor(page: Page): string {
  const last = page.records.at(-1);
  if (last === undefined) throw new EngineError('internal', 'The demo failed: there are no records to go on from');
  return last._nango_metadata.cursor;
}

async function triggerSchedule(client: Client, connection: string): Promise<void> {
  const address = { environment: 'dev', integration: 'task-tracker', connection, sync: 'tasks', variant: 'base' };
  await client.schedule.getHandle(scheduleId(address)).trigger(ScheduleOverlapPolicy.SKIP);
}

async function showRuns({ caller, uiUrl, say }: DemoStage): Promise<void> {
  const { runs } = await call<{ runs: Run[] }>(caller, 'GET', '/runs');
  say(`\nTemporal Web UI: ${uiUrl}`);
  for (const run of runs.toReversed()) say(`  ${run.name.padEnd(12)} ${run.state.padEnd(8)} ${run.workflow_id}`);
}

function tableOf(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(({ step }) => step.length));
  const lines = rows.map(
    ({ step, ms, requests, result }) =>
      `${step.padEnd(width)}  ${`${(ms / 1000).toFixed(2)} s`.padStart(8)}  ${String(requests).padStart(8)}  ${result}`,
  );
  return [`${'step'.padEnd(width)}  ${'time'.padStart(8)}  requests  result`, ...lines].join('\n');
}

function expect(holds: boolean, otherwise: string): void {
  if (!holds) throw new EngineError('internal', `The demo failed: ${otherwise}`);
}
