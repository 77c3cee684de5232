/** A dry run is worth what it foretells: each script of examples/ does the same there and deployed, against one upstream. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readDeclarations } from '../../cli/declared.ts';
import { call, createConnection, createIntegration, EXAMPLE_INTEGRATIONS } from '../../platform/example.ts';
import { runCli } from '../support/cli.ts';
import { endedRun, type RunJson, runSync, usePlatform } from '../support/platform.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));

type Row = Readonly<Record<string, unknown>> & { readonly id: string };
type Stored = Row & { readonly _nango_metadata: { readonly last_action: string; readonly cursor: string } };
type Did = {
  readonly saved: readonly Row[];
  readonly deleted: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
  readonly logs: readonly string[];
};

describe.each([
  ['nango-integrations', 'yaml'],
  ['zero-yaml', 'zero-yaml'],
] as const)('examples/%s', (example, form) => {
  const platform = usePlatform();
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nango-test-dryrun-'));
    await cp(join(EXAMPLES, example), folder, { recursive: true });
    for (const [integration, provider] of Object.entries(EXAMPLE_INTEGRATIONS)) {
      await createIntegration(platform.caller, integration, provider);
      await createConnection(platform.caller, integration, 'acme');
    }
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const nango = (...argv: readonly string[]) =>
    runCli(argv, {
      cwd: folder,
      env: { NANGO_HOSTPORT: platform.caller.apiUrl, NANGO_SECRET_KEY_DEV: platform.caller.key },
    });

  const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
  const said = ({ logs }: RunJson): string[] => logs.map(({ level, message }) => `${level} ${message}`);
  const byId = (rows: readonly Row[]): Row[] => [...rows].sort((one, other) => (one.id < other.id ? -1 : 1));

  async function dryTasks(...flags: readonly string[]): Promise<Did> {
    const { code, stdout, stderr } = await nango('dryrun', 'tasks', 'acme', '--json', ...flags);
    expect(code).toBe(0);
    const { saved, deleted, counts } = JSON.parse(stdout).models.Task;
    return { saved: byId(saved), deleted: [...deleted].sort(), counts, logs: lines(stderr) };
  }

  /** What a run wrote behind the cursor, and where the next one begins. */
  async function storedTasks(
    run: RunJson,
    cursor: string | undefined,
  ): Promise<{ did: Did; cursor: string | undefined }> {
    const query = new URLSearchParams({ model: 'Task', ...(cursor !== undefined && { cursor }) });
    const headers = { 'provider-config-key': 'task-tracker', 'connection-id': 'acme' };
    const path = `/records?${query}`;
    const { records } = await call<{ records: Stored[] }>(platform.caller, 'GET', path, undefined, [], headers);
    const isGone = (record: Stored) => record._nango_metadata.last_action === 'DELETED';
    const saved = records.filter((record) => !isGone(record)).map(({ _nango_metadata: _, ...row }): Row => row as Row);
    const deleted = records.filter(isGone).map(({ id }) => id);
    const { added = 0, updated = 0, deleted: gone = 0 } = run.counts['Task'] ?? {};
    return {
      did: { saved: byId(saved), deleted: deleted.sort(), counts: { added, updated, deleted: gone }, logs: said(run) },
      cursor: records.at(-1)?._nango_metadata.cursor,
    };
  }

  test('its scripts are those that are compared here', async () => {
    const { scripts } = await readDeclarations({ folder, form });
    expect(scripts.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual(['action post-message', 'sync tasks']);
  });

  test('a sync saves, deletes and says the same in a dry run and deployed, at first and after changes', async () => {
    const dry = await dryTasks();
    expect((await nango('deploy', 'dev')).code).toBe(0);
    const { runs } = await call<{ runs: RunJson[] }>(platform.caller, 'GET', '/runs?name=tasks');
    const first = await storedTasks(await endedRun(platform, runs[0]?.id ?? ''), undefined);
    expect(dry).toEqual(first.did);
    expect(dry.saved).toHaveLength(25);
    expect(dry.logs).toHaveLength(1);

    const since = new Date().toISOString();
    platform.upstream.addTask({ title: 'New' });
    platform.upstream.changeTask('task-1', { title: 'Changed' });
    platform.upstream.deleteTask('task-2');
    // A dry run counts as if nothing were stored, so the counts of later runs are others.
    const { counts: _dry, ...dryAgain } = await dryTasks('-l', since);
    const run = await runSync(platform, { integration: 'task-tracker', connection: 'acme', name: 'tasks' });
    const { counts: _run, ...did } = (await storedTasks(run, first.cursor)).did;
    expect(dryAgain).toEqual(did);
    expect([dryAgain.saved.length, dryAgain.deleted]).toEqual([2, ['task-2']]);
  }, 180_000);

  test('an action sends and answers the same in a dry run and deployed, and fails with the same words', async () => {
    const trigger = (input: unknown, expected: readonly number[] = []) =>
      call<Record<string, unknown>>(
        platform.caller,
        'POST',
        '/action/trigger',
        { action_name: 'post-message', input },
        expected,
        { 'provider-config-key': 'team-chat', 'connection-id': 'acme' },
      );
    const dryrun = (input: unknown) => nango('dryrun', 'post-message', 'acme', '--input', JSON.stringify(input));
    const latest = async () => {
      const { runs } = await call<{ runs: RunJson[] }>(platform.caller, 'GET', '/runs?name=post-message');
      return call<RunJson>(platform.caller, 'GET', `/runs/${runs[0]?.id}`);
    };
    const input = { channel: 'general', text: 'Hello' };
    const from = platform.upstream.requests();
    const { stdout, stderr } = await dryrun(input);
    const { ts: dryTs, ...dryOutput } = JSON.parse(stdout);
    const { ts, ...output } = await trigger(input);
    expect(dryOutput).toEqual(output);
    // The time of the message, which differs.
    expect([typeof dryTs, typeof ts]).toEqual(['string', 'string']);
    expect(lines(stderr)).toEqual(said(await latest()));
    const [drySent, sent, ...more] = platform.upstream.requestLog.slice(from);
    expect([drySent, more]).toEqual([sent, []]);

    const failed = await dryrun({ channel: 'general' });
    expect(failed.code).toBe(12);
    await trigger({ channel: 'general' }, [424]);
    const { error } = await latest();
    expect(error).toMatchObject({
      code: expect.any(String),
      location: { file: expect.stringMatching(/\bpost-message\.ts$/) },
    });
    const place = `${error?.location?.file}:${error?.location?.line}:${error?.location?.column}`;
    expect(failed.stderr).toContain(`${place}: ${error?.message}`);
    expect(failed.stderr).toContain(`(${error?.code})`);
  }, 180_000);
});
