import { expect, test } from '@jest/globals';
import type { JournalEntry } from '../../contract/journal.ts';
import { encodeChunk } from '../../store/journal-codec.ts';
import { beginAttempt, countFlush, endRun, type RunEnd } from '../../store/runs.ts';
import { NOW, useApi } from '../support/api.ts';
import { createTracker, deployFlows, flow } from '../support/deployment.ts';

const api = useApi();

/** A begun run of the sync `tasks`, whose connection has the key `key of c1`. */
async function begunRun(key: string): Promise<string> {
  await createTracker(api, key);
  await deployFlows(api, flow(key, 'tasks'));
  const { id } = (await api.call('GET', `/runs?provider_config_key=${key}`)).body.runs[0];
  await beginAttempt(api.db, { runId: id, workflowRunId: `w-${id}`, at: NOW });
  return id;
}

async function keep(runId: string, entries: readonly JournalEntry[], chunk = 0): Promise<void> {
  const place = { runId, generation: 0, chunk };
  const data = encodeChunk(api.box, place, entries);
  await countFlush(api.db, {
    runId,
    fence: 1,
    number: chunk + 1,
    requests: 1,
    runningMs: 0,
    chunk: { ...place, data },
  });
}

const end = (runId: string, state: RunEnd['state'], at = NOW) =>
  endRun(api.db, { runId, fence: null, state, failure: null, output: null, at });

// biome-ignore lint/suspicious/noExplicitAny: a test looks at shapes that it then asserts.
async function journalOf(runId: string): Promise<any[]> {
  const { status, text } = await api.call('GET', `/runs/${runId}/journal`);
  expect([status, text.at(-1)]).toEqual([200, '\n']);
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

function entry(number: number, parts: Partial<JournalEntry>): JournalEntry {
  const args = parts.args ?? '{}';
  return {
    number,
    kind: 'request',
    argsHash: `hash ${number}`,
    ok: true,
    json: 'null',
    body: undefined,
    now: 1,
    ...parts,
    args,
  };
}

test('the journal of a failed run has all that it takes to run it again', async () => {
  const id = await begunRun('whole');
  await keep(id, [entry(0, { json: '{"status":200}', body: Buffer.from('{"name":"Zoë"}') })]);
  await keep(id, [entry(2, { body: Buffer.from([0xff, 0]) }), entry(1, { kind: 'timer', body: 'text' })], 1);
  await end(id, 'failed');
  const [head, ...lines] = await journalOf(id);
  expect(head).toMatchObject({
    format: 'nango-temporal-journal-1',
    engine: '0.0.0-test',
    run: { id, kind: 'sync', name: 'tasks', state: 'failed', connection_id: 'c1' },
    bundle: { code: "exports.default = () => 'tasks';", file: expect.any(String), sourceMap: expect.any(String) },
    context: {
      environmentName: 'dev',
      providerConfigKey: 'whole',
      provider: 'tracker',
      connectionId: 'c1',
      scriptName: 'tasks',
      variant: 'base',
      models: ['Task'],
      lastSyncDate: null,
    },
    input: null,
    seed: expect.stringMatching(/^[0-9a-f]{64}$/),
    beginsAt: NOW.toISOString(),
    limits: { memoryMb: 256, cpuMs: 30_000 },
  });
  expect(lines).toEqual([
    { ...entry(0, { json: '{"status":200}' }), body: '{"name":"Zoë"}', bytes: 'utf8' },
    { ...entry(2, {}), body: '/wA=', bytes: 'base64' },
    entry(1, { kind: 'timer', body: 'text' }),
    { entries: 3 },
  ]);
});

test('credentials are masked, each by the same stand-in wherever it stands', async () => {
  const id = await begunRun('masked');
  const credentials = {
    type: 'OAUTH2',
    access_token: 'tok-1234567',
    raw: { access_token: 'tok-1234567', pin: '42', name: 'Schlüssel' },
  };
  const config = {
    endpoint: '/tasks?t=tok-1234567',
    headers: { Authorization: 'Basic dG9rLTEyMzQ1Njc6', 'X-Key': 'key of c1' },
    params: { pin: '42', page: '142' },
  };
  await keep(id, [
    entry(0, { kind: 'getConnection', json: JSON.stringify({ id: 7, metadata: { team: 'blue' }, credentials }) }),
    entry(1, {
      args: JSON.stringify({ config }),
      body: Buffer.from('{"echo":"tok-1234567","note":"key of c1","name":"Schlüssel"}'),
    }),
    entry(2, { ok: false, json: '{"message":"tok-1234567 is no good"}' }),
    entry(3, { kind: 'log', args: '{"level":"info","message":"got tok-1234567"}' }),
  ]);
  await end(id, 'failed');
  const lines = await journalOf(id);
  const token = '(masked credentials.access_token)';
  expect(JSON.parse(lines[1].json)).toEqual({
    id: 7,
    metadata: { team: 'blue' },
    credentials: {
      type: 'OAUTH2',
      access_token: token,
      raw: { access_token: token, pin: '(masked credentials.raw.pin)', name: '(masked credentials.raw.name)' },
    },
  });
  expect(JSON.parse(lines[2].args).config).toEqual({
    endpoint: `/tasks?t=${token}`,
    headers: { Authorization: '(masked)', 'X-Key': '(masked credentials.apiKey)' },
    params: { pin: '(masked credentials.raw.pin)', page: '142' },
  });
  expect(JSON.parse(lines[2].body)).toEqual({
    echo: token,
    note: '(masked credentials.apiKey)',
    name: '(masked credentials.raw.name)',
  });
  expect([lines[3].json, lines[4].args].join()).not.toContain('tok-1234567');
  expect(JSON.stringify(lines)).not.toMatch(/tok-1234567|key of c1|Schlüssel|dG9rLTEy/);
});

test('two tokens at one place have two stand-ins', async () => {
  const id = await begunRun('refreshed');
  const answer = (token: string) => JSON.stringify({ credentials: { type: 'OAUTH2', access_token: token } });
  await keep(
    id,
    ['tok-1', 'tok-2', 'tok-1'].map((token, at) => entry(at, { kind: 'getConnection', json: answer(token) })),
  );
  await end(id, 'cancelled');
  const tokens = (await journalOf(id)).slice(1, 4).map((line) => JSON.parse(line.json).credentials.access_token);
  expect(tokens).toEqual([
    '(masked credentials.access_token)',
    '(masked credentials.access_token 2)',
    '(masked credentials.access_token)',
  ]);
});

test('a run that has not ended keeps its journal and its seed to itself', async () => {
  const id = await begunRun('open');
  const { status, body } = await api.call('GET', `/runs/${id}/journal`);
  expect([status, body.error.code]).toEqual([409, 'conflict']);
  expect(body.error.message).toContain(`GET /runs/${id}`);
});

test.each([
  ['success', NOW, /it ended as success at .*NANGO_JOURNAL_KEEP=failed keeps journals of failed and cancelled runs/],
  ['failed', NOW, /kept until 2026-01-08T00:00:00.000Z at most \(NANGO_JOURNAL_KEEP_DAYS=7\)/],
] as const)('a journal that was dropped after %s says which setting did it', async (state, at, reason) => {
  const id = await begunRun(`gone-${state}`);
  await keep(id, [entry(0, {})]);
  await api.db.query('delete from journal_chunks where run_id = $1', [id]);
  await end(id, state, at);
  const { status, body } = await api.call('GET', `/runs/${id}/journal`);
  expect([status, body.error.code]).toEqual([410, 'journal_gone']);
  expect(body.error.message).toMatch(reason);
});

test('a script that failed before its first call has an empty journal, one that never began has none', async () => {
  const [failed, skipped] = [await begunRun('empty'), await begunRun('skipped')];
  await end(failed, 'failed');
  expect((await journalOf(failed)).slice(1)).toEqual([{ entries: 0 }]);
  await api.db.query('update runs set started_at = null, generation_at = null where id = $1', [skipped]);
  await end(skipped, 'skipped');
  expect((await api.call('GET', `/runs/${skipped}/journal`)).body.error).toMatchObject({
    code: 'journal_gone',
    message: expect.stringContaining('ended as skipped before its script began'),
  });
});

test('a damaged chunk ends the document with the reason', async () => {
  const id = await begunRun('damaged');
  await keep(id, [entry(0, {})]);
  await keep(id, [entry(1, {})], 1);
  await api.db.query(
    `update journal_chunks set data = set_byte(data, 40, get_byte(data, 40) # 1) where run_id = $1 and chunk = 1`,
    [id],
  );
  await end(id, 'failed');
  const lines = await journalOf(id);
  expect(lines).toHaveLength(3);
  expect(lines[2]).toEqual({
    failure: { code: 'journal_damaged', message: expect.stringContaining('Chunk 1 of the journal') },
  });
});

test('the journal of an unknown run, and of another environment, is not found', async () => {
  const id = await begunRun('elsewhere');
  await end(id, 'failed');
  expect((await api.call('GET', '/runs/nope/journal')).body.error.code).toBe('unknown_run');
  expect((await api.call('GET', `/runs/${id}/journal`, { key: api.otherKey })).status).toBe(404);
});
