import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from '@jest/globals';
import { Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { installSdk } from '../../worker/sdk.ts';
import { bundleWorkflows } from '../../worker/bundle.ts';
import { CASES } from '../support/history-cases.ts';

const FOLDER = new URL('../histories/', import.meta.url);
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
let workflowBundle: WorkflowBundleWithSourceMap;
let tracedBundle: WorkflowBundleWithSourceMap;

beforeAll(async () => {
  installSdk(() => undefined);
  [workflowBundle, tracedBundle] = await Promise.all([bundleWorkflows(), bundleWorkflows({ traced: true })]);
});

test.each(files)('U107: %s still replays', async (file) => {
  const history: unknown = JSON.parse(await readFile(new URL(file, FOLDER), 'utf8'));
  await expect(Worker.runReplayHistory({ workflowBundle }, history)).resolves.toBeUndefined();
});

test.each(files)('%s still replays where traces were turned on meanwhile', async (file) => {
  const history: unknown = JSON.parse(await readFile(new URL(file, FOLDER), 'utf8'));
  await expect(Worker.runReplayHistory({ workflowBundle: tracedBundle }, history)).resolves.toBeUndefined();
});

test('a history whose commands come in another order does not replay, so the replays above do look', async () => {
  const text = await readFile(new URL('reconcile-thorough.json', FOLDER), 'utf8');
  const swapped = text.replace(/"(removeSchedules|startQueuedRuns)"/g, (_, name) =>
    name === 'removeSchedules' ? '"startQueuedRuns"' : '"removeSchedules"',
  );
  expect(swapped).not.toBe(text);
  await expect(Worker.runReplayHistory({ workflowBundle }, JSON.parse(swapped))).rejects.toThrow(/TMPRL1100/);
});

test('every workflow has recorded histories', async () => {
  const index = await readFile(new URL('../../workflows/index.ts', import.meta.url), 'utf8');
  const workflows = [...index.matchAll(/export \{ (\w+Workflow) \}/g)].map(([, name]) => name ?? '');
  expect(workflows.length).toBeGreaterThan(4);
  expect([...new Set(CASES.map(({ workflow }) => String(workflow)))].sort()).toEqual(workflows.sort());
});

test('every way through the workflows has a recorded history', () => {
  expect(files).toEqual(expect.arrayContaining(CASES.map(({ name }) => `${name}.json`)));
});

test.each(['sync', 'reconcile'])(
  'a %s that continued as new is among the histories, with what it went on as',
  (kind) => {
    const parts = files.filter((name) => name.startsWith(`${kind}-continued-as-new`));
    const ends = parts.map(
      (name) => /EVENT_TYPE_WORKFLOW_EXECUTION_(?!SIGNALED)([A-Z_]+)"(?!.*EXECUTION_)/s.exec(read(name))?.[1],
    );
    expect(ends.sort()).toEqual(expect.arrayContaining(['COMPLETED', 'CONTINUED_AS_NEW']));
  },
);

function read(file: string): string {
  return readFileSync(new URL(file, FOLDER), 'utf8');
}
