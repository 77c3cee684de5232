/**
 * What generated tests import as `nango/test`: a `nango` that answers from a script's recording, for vitest and other
 * runners in Node. `nango test` does the same in the sandbox, faster and without a runner.
 */
import { basename, dirname, join } from 'node:path';
import { existsSync, readFileSync } from 'node:fs';
import { findRecording } from '../cli/recorded/find.ts';
import type { MockCall } from '../cli/recorded/identity.ts';
import { openPages } from '../cli/recorded/pages.ts';
import type { RecordedAnswer, Recording } from '../cli/recorded/recording.ts';
import { readUnified } from '../cli/recorded/unified.ts';
import { paginate } from '../sandbox/guest/paginate.ts';
import { ActionError } from './index.js';

type Options = { readonly dirname: string; readonly name: string; readonly Model: string };
type Config = MockCall & { readonly [key: string]: unknown };
type Wrap = <Member>(member: Member) => Member;
type Runner = { readonly vi?: { readonly fn: Wrap }; readonly expect?: { getState(): { testPath?: string } } };

/** `nango` of an action. Its members are spies where the runner has global ones, and may be replaced. */
export class NangoActionMock {
  readonly [member: string]: unknown;

  constructor(options: Options) {
    Object.assign(this, members(options, 'action'));
  }
}

/** `nango` of a sync. */
export class NangoSyncMock {
  readonly [member: string]: unknown;

  constructor(options: Options) {
    Object.assign(this, members(options, 'sync'));
  }
}

function members({ dirname: tests, name, Model }: Options, kind: 'action' | 'sync'): object {
  const recording = recordingFor(tests, name);
  const { vi } = globalThis as Runner;
  const spied: Wrap = (member) => vi?.fn(member) ?? member;
  const send = async (config: Config, method?: string) => responseTo(recording, config, method);
  let checkpoint: unknown = null;
  const shared = {
    ...Object.fromEntries(
      ['get', 'post', 'put', 'patch', 'delete'].map((method) => [
        method,
        spied((config: Config) => send(config, method)),
      ]),
    ),
    proxy: spied((config: Config) => send(config)),
    paginate: spied((config: Config) => {
      const pages = openPages(recording);
      return paginate(config, recording.paginate, async (call, page) =>
        responseTo(recording, call as Config, undefined, (asked) => pages(asked, page)),
      );
    }),
    getConnection: spied(async () => recording.connection ?? {}),
    getMetadata: spied(async () => recording.metadata ?? {}),
    updateMetadata: spied(async () => undefined),
    getWebhookURL: spied(async () => 'https://example.com/webhook'),
    zodValidateInput: spied(async ({ input }: { input: unknown }) => ({ success: true, data: input })),
    getCheckpoint: spied(async () => checkpoint),
    saveCheckpoint: spied(async (saved: unknown) => {
      checkpoint = saved;
    }),
    clearCheckpoint: spied(async () => {
      checkpoint = null;
    }),
    log: spied(async () => undefined),
    ActionError,
    providerConfigKey: basename(dirname(tests)),
    lastSyncDate: null,
    // Scripts look for it to know that they are under test.
    fixtureProvider: {},
    getInput: async () => recording.input,
    getOutput: async () => expected(recording, recording.output?.value, 'output', recording.output !== undefined),
    getBatchSaveData: async (model: string) => expected(recording, recording.saved[model], `batchSave of '${model}'`),
    getBatchDeleteData: async (model: string) => recording.deleted[model],
    modelNames: Model.split(','),
  };
  if (kind === 'action') return shared;
  const done = async () => true;
  return {
    ...shared,
    ...Object.fromEntries(
      ['batchSave', 'batchSend', 'batchDelete', 'batchUpdate', 'setMergingStrategy', 'trackDeletesStart'].map(
        (member) => [member, spied(done)],
      ),
    ),
    ...Object.fromEntries(
      ['trackDeletesEnd', 'deleteRecordsFromPreviousExecutions'].map((member) => [
        member,
        spied(async () => ({ deletedKeys: [] })),
      ]),
    ),
    getRecordsByIds: spied(async () => new Map()),
    listRecords: spied(async function* () {}),
  };
}

/** The file named after the running test first, then as `nango test` finds it. */
function recordingFor(tests: string, name: string): Recording {
  const running = (globalThis as Runner).expect?.getState().testPath?.replace(/\.[cm]?[jt]s$/, '.json');
  if (running !== undefined && existsSync(running)) return readUnified(running, readFileSync(running, 'utf8'));
  const found = findRecording(join(tests, '..'), name);
  if (found !== undefined) return found;
  throw new Error(`No recording of '${name}' in '${tests}': 'nango dryrun ${name} <connection> --save' makes one.`);
}

function responseTo(
  recording: Recording,
  config: Config,
  method: string | undefined,
  answerTo: Recording['answer'] = recording.answer,
) {
  const call = { ...config, method: String(config.method ?? method ?? 'get').toLowerCase() };
  const answer: RecordedAnswer | undefined = answerTo(call);
  if (answer === undefined)
    throw new Error(`No recording of ${call.method.toUpperCase()} '${call.endpoint}' in '${recording.file}'`);
  const { status, headers = {}, response: data } = answer;
  return { status, statusText: '', headers, data, config: { ...config } };
}

function expected(recording: Recording, value: unknown, what: string, isThere = value !== undefined): unknown {
  if (isThere) return value;
  throw new Error(`The recording '${recording.file}' has no ${what}`);
}
