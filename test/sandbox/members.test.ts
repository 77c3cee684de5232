/** Every member of the incumbent's script API (facts: sections 3.2 and 3.3) is there, or COMPATIBILITY.md says that it is not. */
import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { action, SYNC, sync, useSandbox } from './use-sandbox.ts';

const { outputOf, run } = useSandbox();

const PROPERTIES = {
  connectionId: 'string',
  providerConfigKey: 'string',
  provider: 'string',
  environmentId: 'number',
  environmentName: 'string',
  isCLI: 'boolean',
  ActionError: 'function',
  zod: 'object',
};
const FUNCTIONS = [
  ...['proxy', 'get', 'post', 'put', 'patch', 'delete', 'paginate', 'uncontrolledFetch', 'log', 'setLogger'],
  ...['getConnection', 'getToken', 'getIntegration', 'getMetadata', 'setMetadata', 'updateMetadata'],
  ...['getFieldMapping', 'setFieldMapping', 'getWebhookURL', 'getEnvironmentVariables', 'getFlowAttributes'],
  ...['triggerAction', 'triggerSync', 'startSync', 'zodValidateInput'],
  ...['tryAcquireLock', 'releaseLock', 'releaseAllLocks', 'getCheckpoint', 'saveCheckpoint', 'clearCheckpoint'],
];
const OF_SYNCS = [
  ...['batchSave', 'batchUpdate', 'batchDelete', 'batchSend', 'getRecordsByIds', 'listRecords'],
  ...['trackDeletesStart', 'trackDeletesEnd', 'deleteRecordsFromPreviousExecutions', 'setMergingStrategy'],
];
/** Not there: COMPATIBILITY.md has each. */
const ABSENT = ['accountId', 'activityLogId', 'syncId', 'syncJobId', 'track_deletes', 'emptyCache'];

const functions = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 'function']));
/** A script that imports zod, which is where `nango.zod` is. */
const asked = (names: readonly string[]) => `import { z } from 'zod'; z;
const names = ${JSON.stringify(names)};
const kinds = (nango: any) => Object.fromEntries(names.filter((name) => name in nango).map((name) => [name, typeof nango[name]]));
`;

test('an action has every member of actions', async () => {
  const names = [...Object.keys(PROPERTIES), ...FUNCTIONS, ...ABSENT];
  const { outcome } = await run(asked(names) + action('return kinds(nango);'), { context: { environmentId: 1 } });
  if (outcome.status !== 'completed') throw new Error(`The run is ${outcome.status}`);
  expect(JSON.parse(outcome.output ?? '')).toEqual({ ...PROPERTIES, ...functions(FUNCTIONS) });
});

test('a sync has them too, and those of syncs', async () => {
  const names = [...Object.keys(PROPERTIES), ...FUNCTIONS, ...OF_SYNCS, ...ABSENT, 'lastSyncDate', 'variant'];
  const context = { ...SYNC.context, environmentId: 1, lastSyncDate: '2026-01-01T00:00:00.000Z' };
  const { calls } = await run(asked(names) + sync('await nango.log(JSON.stringify(kinds(nango)));'), {
    ...SYNC,
    context,
  });
  expect(JSON.parse(String(calls[0]?.args['message']))).toEqual({
    ...PROPERTIES,
    ...functions([...FUNCTIONS, ...OF_SYNCS]),
    lastSyncDate: 'object',
    variant: 'string',
  });
});

test('what is not there is undefined, and said', async () => {
  expect(await outputOf(`return ${JSON.stringify(ABSENT)}.map((name) => typeof nango[name]);`)).toEqual(
    ABSENT.map(() => 'undefined'),
  );
  const text = await readFile(new URL('../../COMPATIBILITY.md', import.meta.url), 'utf8');
  expect(ABSENT.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});

test.each([
  ['getFieldMapping', 'return nango.getFieldMapping();', { team: 'blue' }, 'getConnection'],
  ['setFieldMapping', 'return (await nango.setFieldMapping({ a: 1 })) ?? null;', null, 'setMetadata'],
  ['getWebhookURL', 'return nango.getWebhookURL();', 'https://here.example/webhook/1/tracker', 'getIntegration'],
  ['getFlowAttributes', 'return nango.getFlowAttributes();', null, undefined],
  ['releaseAllLocks', 'return (await nango.releaseAllLocks()) ?? null;', null, 'releaseLock'],
  ['clearCheckpoint', 'return (await nango.clearCheckpoint()) ?? null;', null, 'saveCheckpoint'],
])('%s answers as documented', async (_member, body, answer, kind) => {
  const view = { unique_key: 'tracker', provider: 'tracker', display_name: '', created_at: '', updated_at: '' };
  const getIntegration = async ({ include }: { include: readonly string[] }) => ({
    value: { ...view, ...(include.includes('webhook') && { webhook_url: 'https://here.example/webhook/1/tracker' }) },
  });
  const { outcome, calls } = await run(action(body), { host: { getIntegration } });
  expect(outcome).toMatchObject({ status: 'completed', output: JSON.stringify(answer) });
  expect(calls.map((call) => call.kind)).toEqual(kind === undefined ? [] : [kind]);
});

test('getConnection asks for a new token only where the script does', async () => {
  const body = `await nango.getConnection(); await nango.getConnection('k', 'c', { forceRefresh: true });
    await nango.getConnection(undefined, undefined, { refreshGithubAppJwtToken: true, refreshToken: true });
    await nango.getConnection(undefined, undefined, { forceRefresh: false });`;
  const { calls } = await run(action(body));
  expect(calls.map(({ args }) => args)).toEqual([
    {},
    { providerConfigKey: 'k', connectionId: 'c', forceRefresh: true },
    { forceRefresh: true },
    {},
  ]);
});
