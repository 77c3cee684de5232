/** Public reports about records, cursors and payloads that no other file of tests answers; U001 and so on name them. */
import { expect, test } from '@jest/globals';
import { call, createConnection, createIntegration } from '../../platform/example.ts';
import { deployScripts } from '../support/deploy-scripts.ts';
import { runSync, usePlatform } from '../support/platform.ts';
import { messages, recordScripts } from '../support/record-scripts.ts';

const platform = usePlatform();
const { deploy, read, run } = recordScripts(platform);

test('REC U014: no log line can fail a run, however long or strange', async () => {
  const { run: ended } = await run(
    'logs',
    `await nango.log('😀'.repeat(500_000));
     const circle: any = { name: 'circle' }; circle.self = circle;
     await nango.log(circle);
     await nango.log(12345678901234567890n, '\\ud800', 'a\\0b');`,
  );
  expect(ended.state).toBe('success');
  const [long = '', ...others] = messages(ended);
  expect(long.isWellFormed()).toBe(true);
  expect(long).toMatch(/^info (😀)+/u);
  expect(others).toEqual([expect.stringContaining('circle'), expect.stringContaining('12345678901234567890')]);
}, 60_000);

test('NULs in metadata, in checkpoints and in what is thrown end no run in any other way than its script does', async () => {
  const { run: ended } = await run(
    'strange',
    `await nango.updateMetadata({ 'k\\0': ['v\\0', '\\ud800'] });
     await nango.saveCheckpoint({ at: 'x\\0y' });
     await nango.log(JSON.stringify([await nango.getMetadata(), await nango.getCheckpoint()]));
     throw new nango.ActionError({ message: 'a\\0b', more: ['\\0'] });`,
  );
  expect(messages(ended)).toEqual(['info [{"k":["v","\ufffd"]},{"at":"x\\u0000y"}]']);
  expect(ended).toMatchObject({ state: 'failed', error: { message: expect.stringContaining('ab') } });
}, 60_000);

test('CUR U022: a failed run leaves lastSyncDate alone and keeps the checkpoint whose records are stored', async () => {
  const body = (failing: boolean) => `
    await nango.log(String(nango.lastSyncDate?.toISOString()), JSON.stringify(await nango.getCheckpoint()));
    for (let page = 1; page <= 5; page++) {
      if (${failing} && page === 4) throw new Error('page 4');
      await nango.batchSave([{ id: page }], 'Task');
      await nango.saveCheckpoint({ page });
    }
    await nango.clearCheckpoint();`;
  const { sync } = await run('holes', body(false));
  await deploy('holes', body(true));
  const failed = await runSync(platform, sync);
  expect(failed.state).toBe('failed');
  await deploy('holes', body(false));
  const next = await runSync(platform, sync);
  const [before] = messages(failed);
  expect(messages(next)).toEqual([before?.replace('null', '{"page":3}')]);
  expect(before).toMatch(/^info \d{4}-\d\d-\d\dT.*Z null$/);
}, 60_000);

test('CUR U024: times with an offset are instants, whatever zone they are written in', async () => {
  const { sync, records } = await run('zones', `await nango.batchSave([{ id: 1 }], 'Task');`);
  const { last_modified_at: utc } = (records[0] as unknown as { _nango_metadata: { last_modified_at: string } })
    ._nango_metadata;
  // The same instant, and the millisecond before it, as people in Kolkata write them.
  const inKolkata = (at: number) => new Date(at + 5.5 * 3_600_000).toISOString().replace('Z', '+05:30');
  const instant = Math.ceil(Date.parse(utc));
  const after = (time: string) => read(sync, `&modified_after=${encodeURIComponent(time)}`);
  expect(await after(inKolkata(instant + 1))).toEqual([]);
  expect(await after(inKolkata(instant - 1))).toHaveLength(1);
}, 60_000);

test('PAY U073: an action answers with some MB, and what is over its limit fails soon with size and limit', async () => {
  await createIntegration(platform.caller, 'task-tracker', 'example-tracker');
  await createConnection(platform.caller, 'task-tracker', 'outputs');
  const source = `export default async function runAction(nango: any, input: any) { return 'x'.repeat(input.size); }`;
  await deployScripts(platform.caller, 'task-tracker', [{ name: 'large', source, type: 'action' }]);
  const answer = async (size: number) => {
    const begun = performance.now();
    const headers = { 'provider-config-key': 'task-tracker', 'connection-id': 'outputs' };
    const body = { action_name: 'large', input: { size } };
    const value = await call<string | { error: { code: string; message: string } }>(
      platform.caller,
      'POST',
      '/action/trigger',
      body,
      [413, 424, 500],
      headers,
    );
    return { value, seconds: (performance.now() - begun) / 1000 };
  };
  for (const size of [1e3, 1.9e6, 3e6]) expect((await answer(size)).value).toHaveLength(size);
  const tooLong = await answer(70e6);
  expect(tooLong.value).toMatchObject({ error: { message: expect.stringMatching(/7000000\d .*67108864/) } });
  // What may not even fit into its memory: which limit it meets first is up to the garbage collector.
  const tooLarge = await answer(200e6);
  const limits = /memory limit of 256 MB|at most 67108864 bytes/;
  expect(tooLarge.value).toMatchObject({ error: { message: expect.stringMatching(limits) } });
  for (const { seconds } of [tooLong, tooLarge]) expect(seconds).toBeLessThan(60);
}, 300_000);

test('TMP U111: what is too large for Temporal never goes there: not as a result, and not as a failure', async () => {
  await createIntegration(platform.caller, 'task-tracker', 'example-tracker');
  await createConnection(platform.caller, 'task-tracker', 'sizes');
  const result = `export default async function runAction() { return 'x'.repeat(3_000_000); }`;
  const thrown = `export default async function runAction() { throw new Error('y'.repeat(3_000_000)); }`;
  await deployScripts(platform.caller, 'task-tracker', [
    { name: 'large-result', source: result, type: 'action' },
    { name: 'large-failure', source: thrown, type: 'action' },
  ]);
  const headers = { 'provider-config-key': 'task-tracker', 'connection-id': 'sizes' };
  const act = (action_name: string) =>
    call<unknown>(platform.caller, 'POST', '/action/trigger', { action_name }, [424], headers);
  expect(await act('large-result')).toHaveLength(3_000_000);
  expect(await act('large-failure')).toMatchObject({ error: { message: expect.stringMatching(/yyyy/) } });
  const { rows } = await platform.engine.db.query<{ id: string }>(
    `select workflow_id as id from runs where name = any($1::text[])`,
    [['large-result', 'large-failure']],
  );
  expect(rows).toHaveLength(2);
  for (const { id } of rows) {
    const handle = platform.engine.client.workflow.getHandle(id);
    await handle.result().catch(() => undefined);
    expect(Buffer.byteLength(JSON.stringify(await handle.fetchHistory()))).toBeLessThan(200_000);
  }
}, 120_000);
