/** Postgres whose disk is full, by a disk of its own that is really full: a small file system, which only root can mount. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { isStoreLoss } from '../../store/db.ts';
import { endedRun, triggerSync, usePlatform } from '../support/platform.ts';
import { recordScripts } from '../support/record-scripts.ts';
import { useUpstream } from '../support/upstream.ts';
import { until } from '../support/until.ts';

const DISK_MB = 24;
const PAGES = 12;
const ROWS = 100;

const run = promisify(execFile);
let folder = '';
let isMounted = false;

// Before the platform's own, which closes and drops the database.
afterAll(async () => {
  if (!isMounted) return;
  const { db } = platform.engine;
  await db.query('alter table all in tablespace small set tablespace pg_default');
  await db.query('drop tablespace small');
  await run('umount', [folder]);
  await rm(folder, { recursive: true });
}, 120_000);

const platform = usePlatform();
const upstream = useUpstream();
const { deploy, read } = recordScripts(platform);

beforeAll(async () => {
  if (process.getuid?.() !== 0) return;
  folder = await mkdtemp(join(tmpdir(), 'nango-test-disk-'));
  await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'tmpfs', folder]);
  isMounted = true;
  await run('chown', ['postgres', folder]);
  const { db } = platform.engine;
  await db.query(`create tablespace small location '${folder}'`);
  const { rows } = await db.query<{ name: string }>(
    `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'records'::regclass`,
  );
  for (const { name } of rows) await db.query(`alter table ${name} set tablespace small`);
}, 120_000);

const onFullDisk = process.getuid?.() === 0 ? test : test.skip;

onFullDisk(
  'SLF a full disk of Postgres makes a run wait; with room again it goes on and misses nothing',
  async () => {
    const isFull = Promise.withResolvers<void>();
    upstream.handleWith(async ({ url }) => {
      const page = Number(url.split('/').at(-1));
      if (page === 1) await isFull.promise;
      const row = (n: number) => ({ id: `${page}-${n}`, text: String(n).padEnd(1500, `${page} `) });
      return { json: { rows: Array.from({ length: ROWS }, (_, n) => row(n)) } };
    });
    const sync = await deploy(
      'filling',
      `for (let page = 0; page < ${PAGES}; page++) {
       const { data } = await nango.get({ endpoint: '/rows/' + page, baseUrlOverride: '${upstream.url}' });
       await nango.batchSave(data.rows, 'Task');
     }`,
    );
    const id = await triggerSync(platform, sync);
    await fill(join(folder, 'ballast'));
    const large = `create table large tablespace small as select repeat('x', 2000) from generate_series(1, 1000)`;
    const refused = await platform.engine.db.query(large).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: '53100' });
    expect(isStoreLoss(refused)).toBe(true);
    const before = await rollbacks();
    isFull.resolve();
    await untilRefused(id, before);
    await rm(join(folder, 'ballast'));
    const ended = await endedRun(platform, id);
    expect(ended).toMatchObject({
      state: 'success',
      counts: { Task: { added: PAGES * ROWS, updated: 0, deleted: 0 } },
    });
    expect(await read(sync)).toHaveLength(PAGES * ROWS);
  },
  180_000,
);

async function rollbacks(): Promise<number> {
  const text = 'select xact_rollback::int as count from pg_stat_database where datname = current_database()';
  const { rows } = await platform.engine.db.query<{ count: number }>(text);
  return rows[0]?.count ?? 0;
}

/** Until the script has fetched everything and Postgres has refused what came of it more than once, or the run gave up. */
async function untilRefused(runId: string, before: number): Promise<void> {
  const { db } = platform.engine;
  await until('refusal of Postgres', async () => {
    if (upstream.requests.length >= PAGES && (await rollbacks()) >= before + 2) return true;
    const { rows } = await db.query<{ state: string }>('select state from runs where id = $1', [runId]);
    return ['success', 'failed', 'cancelled'].includes(rows[0]?.state ?? '');
  });
}

async function fill(path: string): Promise<void> {
  const chunk = Buffer.alloc(64 * 1024);
  for (;;) {
    try {
      await writeFile(path, chunk, { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
      throw error;
    }
  }
}
