import { beforeAll, expect, test } from '@jest/globals';
import { withTransaction } from '../../store/db.ts';
import { saveRecords } from '../../store/records.ts';
import { addLogLines } from '../../store/run-logs.ts';
import { endOpenRuns } from '../../store/open-runs.ts';
import { beginAttempt, endRun, suspendRun } from '../../store/runs.ts';
import { NOW, useApi } from '../support/api.ts';
import { runCli, startCli, useFolders } from '../support/cli.ts';
import { createTracker, deployFlows, flow } from '../support/deployment.ts';
import { useUpstream } from '../support/upstream.ts';

const api = useApi();
const folders = useFolders();
const other = useUpstream();
let cwd = '';
let finished = '';
let failed = '';

const call = () => ({ cwd, env: { NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY: api.key } });
const nango = (...argv: readonly string[]) => runCli(argv, call());

/** Begins the queued first run of the connection, as a worker would. */
async function begin(connection: string) {
  const { runs } = (await api.call('GET', `/runs?provider_config_key=tracker&connection_id=${connection}`)).body;
  const attempt = await beginAttempt(api.db, { runId: runs[0].id, workflowRunId: `w-${connection}`, at: NOW });
  if (attempt === undefined) throw new Error('The run did not begin');
  return attempt;
}

async function end(runId: string, state: 'success' | 'failed'): Promise<void> {
  const failure = {
    code: 'script_failed' as const,
    message: 'Cannot read properties of undefined',
    location: { file: 'tasks.ts', line: 12, column: 5 },
    lastCalls: ['GET /tasks → 200', 'batchSave Task → done'],
  };
  const outcome = { state, failure: state === 'failed' ? failure : null, output: null };
  await endRun(api.db, { runId, fence: null, at: NOW, ...outcome });
}

const log = (runId: string, seq: number, message: string) =>
  addLogLines(api.db, runId, [{ seq, at: NOW, level: seq % 2 === 1 ? 'info' : 'error', message }]);

beforeAll(async () => {
  cwd = await folders.create();
  await createTracker(api, 'tracker', ['acme', 'globex', 'initech']);
  await deployFlows(api, flow('tracker', 'tasks'));
  const attempt = await begin('acme');
  finished = attempt.runId;
  const write = { ...attempt, model: 'Task', ids: ['1', '2'], syncId: attempt.syncId, at: NOW };
  const rows = [
    { id: 1, title: 'One' },
    { id: 2, title: 'Two\u001b[31m' },
  ];
  await withTransaction(api.db, (db) =>
    saveRecords(
      db,
      write,
      rows.map((row) => JSON.stringify(row)),
    ),
  );
  await log(finished, 1, 'page 1');
  await log(finished, 2, 'two\nlines \u001b[31mred');
  await end(finished, 'success');
  failed = (await begin('globex')).runId;
  await end(failed, 'failed');
});

test('a waiting run says until when and why in status, runs and run; one that was ended says so no more', async () => {
  const { runId, fence } = await begin('initech');
  const [resumeAt, reason] = [new Date('2026-01-01T02:00:00.000Z'), 'GET /tasks was answered with 429'];
  await suspendRun(api.db, { runId, fence, at: NOW, resumeAt, reason });
  const wait = 'until 2026-01-01T02:00:00.000Z: GET /tasks was answered with 429';
  expect((await nango('status')).stdout).toMatch(
    new RegExp(`^tracker +initech +tasks +WAITING .* Task 0 +${wait}$`, 'm'),
  );
  expect((await nango('runs')).stdout).toMatch(new RegExp(`^${runId} .* waiting +\\S+ +${wait}$`, 'm'));
  expect((await nango('run', runId)).stdout).toMatch(new RegExp(`^waits +${wait}$`, 'm'));
  const { body } = await api.call('GET', `/runs/${runId}`);
  const failure = { code: 'runner_lost', message: 'lost' } as const;
  await endOpenRuns(api.db, { workflowId: body.workflow_id, state: 'failed', failure, at: NOW });
  expect((await api.call('GET', `/runs/${runId}`)).body).toMatchObject({ resume_at: null, wait_reason: null });
  expect((await nango('status')).stdout).toMatch(/^tracker +initech +tasks +ERROR .* Task 0 +lost$/m);
});

test('records are shown with id, action and payload, and escape codes in them do nothing', async () => {
  const { code, stdout } = await nango('records', 'tracker', 'acme', 'Task');
  expect(code).toBe(0);
  const [head, ...rows] = stdout.trimEnd().split('\n');
  expect(head).toMatch(/^id +action +modified +record$/);
  expect(rows).toHaveLength(2);
  expect(rows[0]).toMatch(/^\d +ADDED +2026-01-01T00:00:00\S* +{"id":\d,"title":"\w+/);
  expect(stdout).not.toContain('\u001b');
});

test('records are paged by --limit and --cursor, and --json is the answer as it is', async () => {
  const { stdout, stderr } = await nango('records', 'tracker', 'acme', 'Task', '--limit', '1', '--json');
  const page = JSON.parse(stdout);
  expect(page.records).toHaveLength(1);
  expect(stderr).toBe('');
  const rest = await nango('records', 'tracker', 'acme', 'Task', '--cursor', page.next_cursor);
  expect(rest.stdout.trimEnd().split('\n')).toHaveLength(2);
  const first = await nango('records', 'tracker', 'acme', 'Task', '--limit', '1');
  expect(first.stderr).toBe(`More follow: --cursor ${page.next_cursor}\n`);
});

test.each([
  [['--filter', 'added'], 2],
  [['--filter', 'deleted'], 0],
  [['--filter', 'added,deleted'], 2],
  [['--modified-after', '2025-12-31T00:00:00Z'], 2],
  [['--modified-after', '2026-01-02T00:00:00Z'], 0],
])('records %j shows those alone', async (flags, shown) => {
  const { code, stdout } = await nango('records', 'tracker', 'acme', 'Task', ...flags, '--json');
  expect([code, JSON.parse(stdout).records.length]).toEqual([0, shown]);
  const forPeople = await nango('records', 'tracker', 'acme', 'Task', ...flags);
  if (shown === 0) expect(forPeople.stdout).toBe("No records of 'Task' for connection 'acme'.\n");
});

test('trigger --reset asks for it, and says which run it cancelled', async () => {
  const run = {
    sync: 'tasks',
    connection_id: 'acme',
    state: 'started',
    run_id: 'r2',
    link: null,
    cancelled_run_id: 'r1',
  };
  other.answerWith({ json: { runs: [run] } });
  const env = { NANGO_HOSTPORT: other.url, NANGO_SECRET_KEY: 'k' };
  const { code, stdout } = await runCli(['trigger', 'tracker', 'tasks', 'acme', '--reset'], { cwd, env });
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: "Cancelled run r1, which was under way.\nSync 'tasks' of 'acme' started run r2\n",
  });
  expect(JSON.parse(String(other.requests[0]?.body))).toEqual({
    provider_config_key: 'tracker',
    connection_id: 'acme',
    syncs: ['tasks'],
    opts: { reset: true },
  });
});

test('logs takes its number of runs, and one integration alone', async () => {
  const runsIn = async (...flags: readonly string[]) =>
    (JSON.parse((await nango('logs', 'tasks', ...flags, '--json')).stdout).runs as unknown[]).length;
  expect(await runsIn('--limit', '1')).toBe(1);
  expect(await runsIn('-i', 'tracker')).toBeGreaterThan(1);
  const elsewhere = await nango('logs', 'tasks', '-i', 'elsewhere');
  expect([elsewhere.code, elsewhere.stderr]).toEqual([1, expect.stringContaining("'elsewhere'")]);
});

test.each([
  [['records', 'tracker', 'acme', 'Nope'], /Unknown model 'Nope'.*'Task'/],
  [['records', 'tracker', 'nobody', 'Task'], /'nobody'/],
  [['records', 'tracker', 'acme', 'Task', '--limit', 'many'], /whole number/],
  [['records', 'tracker', 'ac\u{1f600}me', 'Task'], /characters that HTTP headers do not carry/],
  [['status', 'nowhere'], /'nowhere'/],
  [['trigger', 'tracker', 'nope', 'acme'], /'nope'/],
  [['run', '../health'], /Unknown run '\.\.\/health'/],
])('%j is 1 and names what is wrong', async (argv, message) => {
  const { code, stdout, stderr } = await nango(...argv);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(message);
});

test('status shows each sync with its state and its records', async () => {
  const { stdout } = await nango('status');
  expect(stdout).toMatch(/^tracker +acme +tasks +SUCCESS +every hour +2026\S+ +Task 2$/m);
  expect(stdout).toMatch(/^tracker +globex +tasks +ERROR .* Cannot read properties of undefined$/m);
  const one = await nango('status', 'tracker', 'globex', '--json');
  expect(JSON.parse(one.stdout).syncs).toMatchObject([
    { integration: 'tracker', connection_id: 'globex', status: 'ERROR' },
  ]);
  const prod = await runCli(['status', '-e', 'prod'], {
    cwd,
    env: { NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY_PROD: api.otherKey },
  });
  expect(prod.stdout).toBe("No syncs in 'prod': deploy some with 'nango deploy prod'.\n");
});

test('runs are listed with their outcome', async () => {
  const { stdout } = await nango('runs', 'tasks');
  expect(stdout).toMatch(
    new RegExp(`^${finished} +sync +tasks +acme +success +\\S+ +Task: 2 added, 0 updated, 0 deleted$`, 'm'),
  );
  expect(stdout).toMatch(
    new RegExp(
      `^${failed} .*failed +\\S+ +tasks\\.ts:12:5: Cannot read properties of undefined \\(script_failed\\)$`,
      'm',
    ),
  );
  expect(JSON.parse((await nango('runs', '-c', 'acme', '-i', 'tracker', '--json')).stdout).runs).toHaveLength(1);
  expect((await nango('runs', 'nothing')).stdout).toBe('No runs.\n');
});

test('one run is shown with counts, links and log lines, each on one line', async () => {
  const { stdout } = await nango('run', finished);
  expect(stdout).toMatch(/^state +success$/m);
  expect(stdout).toMatch(/^requests +\d+$/m);
  expect(stdout).toMatch(/^temporal +http:\/\/temporal\.test\//m);
  expect(stdout).toMatch(/^2026-01-01T00:00:00\.000Z info page 1\n2026-01-01T00:00:00\.000Z error two lines red\n$/m);
  expect(JSON.parse((await nango('run', finished, '--json')).stdout).logs).toHaveLength(2);
});

test('a failed run is shown with its last calls', async () => {
  const { stdout } = await nango('run', failed);
  expect(stdout).toMatch(/^error +tasks\.ts:12:5: .*\ncalled +GET \/tasks → 200\ncalled +batchSave Task → done$/m);
});

test.each([
  [['records', 'tracker', 'nobody', 'Task'], 'nango connections list'],
  [['records', 'nowhere', 'acme', 'Task'], 'nango integrations list'],
  [['run', '01a00000-0000-7000-8000-000000000000'], 'nango runs'],
])('%j says which command lists what there is', async (argv, listing) => {
  const { code, stderr } = await nango(...argv);
  expect(code).toBe(1);
  expect(stderr).toMatch(new RegExp(`^Unknown .* Here: '${listing}'\\.\n$`));
});

test('logs shows the lines of the newest runs and how each ended', async () => {
  const { stdout } = await nango('logs', 'tasks', 'acme');
  expect(stdout).toBe(
    [
      `[acme] run ${finished} (creation)`,
      '[acme] 2026-01-01T00:00:00.000Z info page 1',
      '[acme] 2026-01-01T00:00:00.000Z error two lines red',
      '[acme] 2026-01-01T00:00:00.000Z success',
      '',
    ].join('\n'),
  );
  expect((await nango('logs', 'tasks', 'globex')).stdout).toContain('failed tasks.ts:12:5: Cannot read');
  expect((await nango('logs', 'nothing')).stderr).toBe(
    "No runs of 'nothing' yet: 'nango runs' lists those of all scripts.\n",
  );
  const { runs } = JSON.parse((await nango('logs', 'tasks', 'acme', '--json')).stdout);
  expect(runs[0].logs).toHaveLength(2);
});

test('logs of one run are asked for by its id, and following it ends with it', async () => {
  const lines = [
    `[acme] run ${finished} (creation)`,
    '[acme] 2026-01-01T00:00:00.000Z info page 1',
    '[acme] 2026-01-01T00:00:00.000Z error two lines red',
    '[acme] 2026-01-01T00:00:00.000Z success',
    '',
  ];
  expect((await nango('logs', finished)).stdout.split('\n')).toEqual(lines);
  expect(await nango('logs', finished, '--follow')).toEqual({ code: 0, stdout: lines.join('\n'), stderr: '' });
  expect(JSON.parse((await nango('logs', finished, '--json')).stdout).runs).toMatchObject([
    { id: finished, logs: [{ message: 'page 1' }, {}] },
  ]);
  const unknown = await nango('logs', '01a216b2-f5f1-7463-add0-000000000000');
  expect([unknown.code, unknown.stdout, unknown.stderr]).toEqual([1, '', expect.stringContaining('Unknown run')]);
});

test('logs --follow asks for what it has not shown yet, run by run, and ends well on Ctrl-C', async () => {
  const run = { id: 'r1', connection_id: 'acme', started_by: 'api', state: 'running', error: null, finished_at: null };
  const line = (seq: number, message: string) => ({ seq, at: NOW.toISOString(), level: 'info', message });
  const ended = { ...run, state: 'success', finished_at: NOW.toISOString() };
  other.answerWith(
    { json: { runs: [run] } },
    { json: { ...run, logs: [line(1, 'first')], logs_after: 1 } },
    { json: { ...run, logs: [], logs_after: 1 } },
    { json: { runs: [{ ...run, id: 'r2' }, run] } },
    { json: { ...ended, logs: [line(2, 'second')], logs_after: 2 } },
    { json: { ...ended, logs: [], logs_after: 2 } },
    { json: { ...run, id: 'r2', logs: [], logs_after: 0 } },
    { json: { runs: [{ ...run, id: 'r2' }, ended] } },
    { json: { ...run, id: 'r2', logs: [line(1, 'third')], logs_after: 1 } },
    { json: { ...run, id: 'r2', logs: [], logs_after: 1 } },
  );
  const cli = startCli(['logs', 'tasks', '--follow'], {
    cwd,
    env: { NANGO_HOSTPORT: other.url, NANGO_SECRET_KEY: 'k' },
  });
  await cli.see('info third');
  cli.interrupt();
  const { code, stdout } = await cli.ended;
  expect(code).toBe(0);
  expect(stdout.split('\n')).toEqual([
    '[acme] run r1 (api)',
    '[acme] 2026-01-01T00:00:00.000Z info first',
    '[acme] 2026-01-01T00:00:00.000Z info second',
    '[acme] 2026-01-01T00:00:00.000Z success',
    '[acme] run r2 (api)',
    '[acme] 2026-01-01T00:00:00.000Z info third',
    '',
  ]);
  const asked = other.requests.map(({ url }) => url).filter((url) => url.startsWith('/runs/r1'));
  expect(asked).toEqual(['/runs/r1?after=0', '/runs/r1?after=1', '/runs/r1?after=1', '/runs/r1?after=2']);
});

test('trigger says which run was started, and which one was joined', async () => {
  const started = await nango('trigger', 'tracker', 'tasks', 'acme');
  expect(started.stdout).toMatch(/^Sync 'tasks' of 'acme' started run \S+ {2}http:\/\/temporal\.test\/\S+\n$/);
  const joined = await nango('trigger', 'tracker', 'tasks', 'acme', '--json');
  expect(JSON.parse(joined.stdout).runs).toMatchObject([{ state: 'joined', run_id: started.stdout.split(' ')[6] }]);
});

test('cancel says what became of the run', async () => {
  const runId = JSON.parse((await nango('trigger', 'tracker', 'tasks', 'globex', '--json')).stdout).runs[0].run_id;
  expect((await nango('cancel', runId)).stdout).toBe(`Run ${runId} is cancelled\n`);
  const { code, stderr } = await nango('cancel', failed);
  expect([code, stderr]).toEqual([1, expect.stringContaining('it has ended already (failed)')]);
});

test('a command that reads needs no project', async () => {
  expect((await runCli(['status'], { ...call(), cwd: '/' })).code).toBe(0);
});
