/** A script that was told secrets and lets them out where it fails, waits and logs: they are nowhere but in its own memory. */
import { beforeAll, beforeEach, expect, test } from '@jest/globals';
import { useDurableRuns } from '../support/use-durable-runs.ts';
import { useUpstream } from '../support/upstream.ts';

const OWN = 'own-key-that-nobody-may-see';
const OTHER = 'key-of-another-connection/which+is "quoted"';
const upstream = useUpstream();
const durable = useDurableRuns({ proxy: () => ({ base_url: upstream.url }) });
let count = 0;

beforeAll(() => durable.runs.connect('other', OTHER));
beforeEach(() => {
  count += 1;
});

/** A run of a sync around that body, to its end. */
async function run(body: string) {
  const { runs } = durable;
  const name = `secrets-${count}`;
  const source = `export default async function fetchData(nango: any) {
    const own = (await nango.getConnection()).credentials.apiKey;
    const other = (await nango.getConnection('tracker', 'other')).credentials.apiKey;
    ${body}
  }`;
  const id = await runs.deploy({ name, source, connection: name });
  await runs.connect(name, OWN);
  return runs.run(id);
}

/** Every row of the database as text. */
async function everything(): Promise<string> {
  const { pool } = durable;
  const tables = await pool.query<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`,
  );
  const rows = await Promise.all(tables.rows.map(({ name }) => pool.query(`select t::text from "${name}" t`)));
  return rows.flatMap((result) => result.rows.map((row) => String(row.t))).join('\n');
}

async function expectNowhere(said: unknown): Promise<void> {
  const text = JSON.stringify(said) + (await everything());
  for (const secret of [OWN, OTHER])
    for (const form of [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])
      expect([form, text.includes(form)]).toEqual([form, false]);
}

test('an error that says a secret is kept and told without it', async () => {
  const ended = await run('throw new Error("refused " + own + " and " + other);');
  expect(ended.failure?.message).toContain('refused *** and ***');
  await expectNowhere(ended);
});

test('what is attached to an error is as well', async () => {
  const ended = await run('throw new nango.ActionError({ message: "refused", sent: { deep: [own, 1], other } });');
  expect(ended.failure).toMatchObject({ payload: { message: 'refused', sent: { deep: ['***', 1], other: '***' } } });
  await expectNowhere(ended);
});

test('a call with a secret in its path waits, fails and is in doubt without it', async () => {
  upstream.handleWith(() => ({ status: 429, headers: { 'retry-after': '3600' } }));
  const ended = await run('await nango.post({ endpoint: "/keys/" + own + "/use", data: {}, retries: 1 });');
  expect(upstream.requests.map(({ url }) => url)).toEqual(Array(2).fill(`/keys/${OWN}/use`));
  expect(ended.waits).toMatchObject([{ reason: expect.stringContaining('POST /keys/***/use was answered with 429') }]);
  await expectNowhere(ended);
});

test('a resumed script still may not say what it was told before', async () => {
  upstream.handleWith(() =>
    upstream.requests.length === 1 ? { status: 429, headers: { 'retry-after': '3600' } } : { json: {} },
  );
  const ended = await run(
    'await nango.get({ endpoint: "/x", retries: 1 }); await nango.log("knows " + other); throw new Error(other);',
  );
  expect(ended.waits).toHaveLength(1);
  expect((await durable.runs.inspect(ended.runId)).logs).toEqual(['knows ***']);
  expect(ended.failure?.message).toMatch(/\*\*\*$/);
  await expectNowhere(ended);
});
