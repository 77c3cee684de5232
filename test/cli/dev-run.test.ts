import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';
import { runCli, startCli, useFolders } from '../support/cli.ts';
import { initProject } from '../support/cli-project.ts';
import { useUpstream } from '../support/upstream.ts';

const api = useApi();
const folders = useFolders();
const upstream = useUpstream();

const task = (title: string) => ({ id: 't1', title, done: false, assignee: null, updated_at: '2026-01-01T00:00:00Z' });

async function connect(id: string): Promise<void> {
  await api.call('POST', '/integrations', { body: { unique_key: 'task-tracker', provider: 'tracker' } });
  const { status } = await api.call('POST', '/connections', {
    body: {
      provider_config_key: 'task-tracker',
      connection_id: id,
      credentials: { type: 'API_KEY', apiKey: 'upstream-key' },
      connection_config: { baseUrl: upstream.url },
    },
  });
  expect(status).toBe(201);
}

test('dev --run repeats the dry run on each save, shows what came of it, and stores nothing', async () => {
  await connect('acme');
  upstream.handleWith(() => ({ json: { tasks: [task('One')], next_cursor: null } }));
  const folder = await initProject(await folders.create());
  const path = join(folder, 'tasks.ts');
  const text = await readFile(path, 'utf8');
  const env = { NANGO_HOSTPORT: api.url, NANGO_SECRET_KEY_DEV: api.key };
  const dev = startCli(['dev', '--run', 'tasks', 'acme'], { cwd: folder, env });
  const ran = "Dry run of sync 'tasks' for connection 'acme': 1 request.\nTask: 1 to save, 0 to delete\n  save";
  await dev.see(`${ran} {"id":"t1","title":"One"`);
  await dev.see('Nothing was stored.\n');

  // A save that compiles is run.
  await writeFile(path, text.replace('title: task.title', 'title: task.title.toUpperCase()'));
  await dev.see(`${ran} {"id":"t1","title":"ONE"`);
  await dev.see('Nothing was stored.\n');
  expect(upstream.requests).toHaveLength(2);

  // One that does not is not, and the next good one is.
  await writeFile(path, text.replace('title: task.title', 'titel: task.title'));
  await dev.see(/tasks\.ts:\d+:\d+: TS\d+: .*titel.*\n1 mistake \(/);
  await writeFile(path, text.replace('title: task.title', "title: 'third'"));
  await dev.see(`${ran} {"id":"t1","title":"third"`);
  await dev.see('Nothing was stored.\n');
  expect(upstream.requests).toHaveLength(3);

  // A run that fails is shown and ends nothing.
  await writeFile(path, text.replace('title: task.title', 'title: task.title.gone.more'));
  await dev.see(/Sync 'tasks' failed in tasks\.ts:\d+/);
  await writeFile(path, text);
  await dev.see(`${ran} {"id":"t1","title":"One"`);

  dev.interrupt();
  expect(await dev.ended).toMatchObject({ code: 0 });
  expect((await api.db.query('select count(*)::int as n from records')).rows).toEqual([{ n: 0 }]);
});

test.each([[['--run', 'tasks']], [['--run', 'tasks', 'acme', 'more']]])(
  'dev %j is refused with what is expected',
  async (flags) => {
    const { code, stderr } = await runCli(['dev', ...flags], { cwd: await initProject(await folders.create()) });
    expect(code).toBe(1);
    expect(stderr).toMatch(/of --run: expected a script and a connection, such as '--run tasks acme'\.\n$/);
  },
);
