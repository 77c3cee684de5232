import { expect, test } from '@jest/globals';
import { bundleOf } from '../../api/bundle.ts';
import type { DeployedScript } from '../../api/deploy-body.ts';
import { type DeployScope, missingIntegrations, planDeployment } from '../../api/deploy-plan.ts';
import type { Script } from '../../store/scripts.ts';

const ALL: DeployScope = { reconcile: true, namedIntegrationsOnly: false, keepsEvents: false };
const INTEGRATIONS = [
  { id: '1', uniqueKey: 'a', connections: 3 },
  { id: '2', uniqueKey: 'b', connections: 0 },
];

const script = (changes: Partial<DeployedScript> = {}): DeployedScript => ({
  providerConfigKey: 'a',
  kind: 'sync',
  name: 'tasks',
  js: 'code',
  source: null,
  description: null,
  models: ['Task'],
  runs: 'every hour',
  intervalMs: 3_600_000,
  syncType: 'incremental',
  trackDeletes: false,
  deletionGuard: 0.5,
  validation: 'warn',
  autoStart: true,
  inputModel: null,
  webhookSubscriptions: [],
  jsonSchema: undefined,
  version: undefined,
  ...changes,
});

const deployed = (of: DeployedScript, version = '0.0.1'): Script => ({
  ...of,
  version,
  id: `${of.providerConfigKey}/${of.kind}/${of.name}`,
  integrationId: '1',
  bundleHash: '',
  codeHash: bundleOf({ js: of.js, file: '' }).hash,
  deployedAt: new Date(0),
  connections: 3,
});

const plan = (scripts: DeployedScript[], present: Script[], scope: DeployScope = ALL) =>
  planDeployment(scripts, scope, { scripts: present, integrations: INTEGRATIONS });

test('a new script is added at version 0.0.1 and reaches its integration’s connections', () => {
  expect(plan([script()], []).scripts).toMatchObject([
    { change: 'added', version: '0.0.1', integration: { connections: 3 } },
  ]);
});

test('the same script again is unchanged and keeps its version', () => {
  expect(plan([script()], [deployed(script(), '7')]).scripts).toMatchObject([{ change: 'unchanged', version: '7' }]);
});

test.each<[string, Partial<DeployedScript>]>([
  ['code', { js: 'other' }],
  ['models', { models: ['Task', 'User'] }],
  ['frequency', { runs: 'every day', intervalMs: 86_400_000 }],
  ['sync type', { syncType: 'full' }],
  ['auto start', { autoStart: false }],
  ['description', { description: 'x' }],
  ['input', { inputModel: 'In' }],
])('another %s makes it updated, with the next version', (_, changes) => {
  expect(plan([script(changes)], [deployed(script(), '0.0.9')]).scripts).toMatchObject([
    { change: 'updated', version: '0.0.10' },
  ]);
});

test('a version the author gives is taken, and a new one alone is an update', () => {
  expect(plan([script({ version: '3.0.0' })], [deployed(script(), '2')]).scripts).toMatchObject([
    { change: 'updated', version: '3.0.0' },
  ]);
});

test('a sync and an action of one name are two scripts', () => {
  const action = script({ kind: 'action', models: [], runs: null, intervalMs: null, syncType: null });
  const { scripts, deleted } = plan([action], [deployed(script())]);
  expect(scripts).toMatchObject([{ change: 'added' }]);
  expect(deleted.map(({ id }) => id)).toEqual(['a/sync/tasks']);
});

test('without reconcile nothing is removed', () => {
  const scope = { reconcile: false, namedIntegrationsOnly: false, keepsEvents: false };
  expect(plan([], [deployed(script())], scope)).toEqual({ scripts: [], deleted: [], deletedModels: [] });
});

test('a deployment of some integrations removes nothing of the others', () => {
  const present = [deployed(script({ name: 'old' })), deployed(script({ providerConfigKey: 'b' }))];
  const { deleted } = plan([script()], present, { reconcile: true, namedIntegrationsOnly: true, keepsEvents: false });
  expect(deleted.map(({ id }) => id)).toEqual(['a/sync/old']);
});

test('a model is deleted only when no sync of its integration saves it any more', () => {
  const present = [
    deployed(script({ name: 'one', models: ['Task', 'Shared'] })),
    deployed(script({ name: 'two', models: ['Shared', 'Dropped'] })),
    deployed(script({ providerConfigKey: 'b', name: 'one', models: ['Task'] })),
  ];
  const { deletedModels } = plan(
    [script({ name: 'two', models: ['Shared'] }), script({ providerConfigKey: 'b', name: 'one' })],
    present,
  );
  expect(deletedModels).toEqual(['Dropped', 'Task']);
});

test('integrations that do not exist are named once each', () => {
  const scripts = [
    script({ providerConfigKey: 'x' }),
    script({ providerConfigKey: 'x', name: 'b' }),
    script(),
    script({ providerConfigKey: 'y' }),
  ];
  expect(missingIntegrations(scripts, INTEGRATIONS)).toEqual(['x', 'y']);
});
