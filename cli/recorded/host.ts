/** The Host of `nango test`: answers come from a recording, what the script saves is kept for comparison. */
import { EngineError } from '../../contract/failures.ts';
import type { CallContext, Checkpoint, ConnectionView, Host, HostAnswer, RequestConfig } from '../../contract/host.ts';
import { openPages, type Pages } from './pages.ts';
import type { RecordedAnswer, Recording } from './recording.ts';

/** What the author supplies where the recording lacks it. */
export type Overrides = {
  readonly getConnection?: Readonly<Record<string, unknown>>;
  readonly getMetadata?: Readonly<Record<string, unknown>>;
  readonly getToken?: unknown;
  readonly lastSyncDate?: string;
  readonly checkpoint?: Checkpoint;
  readonly clock?: string;
};
export type Effects = {
  readonly saved: Readonly<Record<string, readonly unknown[]>>;
  readonly deleted: Readonly<Record<string, readonly unknown[]>>;
};
export type RecordedHost = {
  readonly host: Host;
  readonly calls: () => number;
  readonly effects: () => Effects;
  /** Makes what a call wrote final: its answer was delivered. */
  readonly commit: (number: number) => void;
};

type Options = {
  readonly recording: Recording;
  readonly overrides: Overrides;
  readonly integration: string;
  readonly provider: string;
  /** Statuses that calls which ask for retries are answered with first. */
  readonly inject: readonly number[];
  /** Whether the run keeps a journal: then writes count only once their answer is in it. */
  readonly journaled: boolean;
  readonly onCall: () => void;
  readonly clock: () => Date;
};

/** What tests of the incumbent are told. */
const WEBHOOK_URL = 'https://example.com/webhook';

/** A Host for one test; a script that runs again from its journal goes on with the same one. */
export function createRecordedHost(options: Options): RecordedHost {
  const { recording, overrides } = options;
  const saved = new Map<string, unknown[]>();
  const deleted = new Map<string, unknown[]>();
  const staged = new Map<number, () => void>();
  const pages = openPages(recording);
  let connection = connectionOf(options);
  let checkpoint: Checkpoint | null = overrides.checkpoint ?? null;
  let calls = 0;
  const stage = (number: number, write: () => void): void => {
    if (options.journaled) staged.set(number, write);
    else write();
  };
  const add = (into: Map<string, unknown[]>, model: string, rows: readonly unknown[]): void => {
    into.set(model, [...(into.get(model) ?? []), ...rows]);
  };
  const setMetadata = async (metadata: Readonly<Record<string, unknown>>) => {
    connection = { ...connection, metadata };
    return { value: null };
  };
  const known: Partial<Host> = {
    request: async ({ config }, call) => {
      await refuseFirst(options, config, call);
      return wireAnswer(config, answerFor(recording, config, pages));
    },
    saveRecords: async ({ model }, { number, body = '[]' }) => {
      stage(number, () => add(saved, model, JSON.parse(body) as unknown[]));
      return { value: null };
    },
    deleteRecords: async ({ model, ids }, { number, body }) => {
      const rows = body === undefined ? ids.map((id) => ({ id })) : (JSON.parse(body) as unknown[]);
      stage(number, () => add(deleted, model, rows));
      return { value: null };
    },
    readRecords: async () => ({ value: { nextCursor: null }, body: '[]' }),
    deleteUnseen: async () => ({ value: { deletedKeys: [] } }),
    getConnection: async () => ({ value: connection }),
    setMetadata: ({ metadata }) => setMetadata(metadata),
    updateMetadata: ({ metadata }) => setMetadata({ ...connection.metadata, ...metadata }),
    getCheckpoint: async () => ({ value: checkpoint }),
    saveCheckpoint: async (given) => {
      checkpoint = given.checkpoint;
      return { value: null };
    },
    getEnvironmentVariables: async () => ({ value: [] }),
    acquireLock: async () => ({ value: true }),
    releaseLock: async () => ({ value: true }),
    getIntegration: async () => ({
      value: {
        unique_key: options.integration,
        provider: options.provider,
        display_name: options.integration,
        created_at: '',
        updated_at: '',
        webhook_url: WEBHOOK_URL,
      },
    }),
    triggerAction: () => unrecorded('nango.triggerAction'),
    uncontrolledFetch: () => unrecorded('nango.uncontrolledFetch'),
  };
  return {
    host: counted(known, () => {
      calls += 1;
      options.onCall();
    }),
    calls: () => calls,
    effects: () => ({ saved: Object.fromEntries(saved), deleted: Object.fromEntries(deleted) }),
    commit: (number) => {
      staged.get(number)?.();
      staged.delete(number);
    },
  };
}

type Method = (args: never, call: CallContext) => Promise<HostAnswer<unknown>>;

/** Calls that no recording ever holds do nothing. */
function counted(known: Partial<Host>, count: () => void): Host {
  const nothing: Method = async () => ({ value: null });
  return new Proxy(known, {
    get: (target, kind) => {
      const method = (target as Record<string | symbol, unknown>)[kind] as Method | undefined;
      return (args: never, call: CallContext) => {
        if (kind !== 'log') count();
        return (method ?? nothing)(args, call);
      };
    },
  }) as Host;
}

function connectionOf({ recording, overrides, integration, provider }: Options): ConnectionView {
  const recorded = { ...recording.connection, ...overrides.getConnection };
  const metadata = overrides.getMetadata ?? recording.metadata ?? recorded['metadata'];
  const token =
    overrides.getToken === undefined ? {} : { credentials: { type: 'OAUTH2', access_token: overrides.getToken } };
  return {
    id: 1,
    connection_id: 'test',
    provider_config_key: integration,
    provider,
    connection_config: {},
    credentials: {},
    created_at: '2024-01-01T00:00:00.000Z',
    updated_at: '2024-01-01T00:00:00.000Z',
    ...recorded,
    ...token,
    metadata: typeof metadata === 'object' && metadata !== null ? (metadata as Record<string, unknown>) : {},
  };
}

function answerFor(recording: Recording, config: RequestConfig, pages: Pages): RecordedAnswer {
  const { page } = config;
  return (page === undefined ? recording.answer(config) : pages(config, page)) ?? missing(recording, config);
}

function missing(recording: Recording, { method, endpoint, params, data }: RequestConfig): never {
  const shown = JSON.stringify({
    ...(params === undefined ? {} : { params }),
    ...(data === undefined ? {} : { data }),
  });
  throw new EngineError(
    'script_failed',
    `No recording of ${method} '${endpoint}' ${shown.slice(0, 300)} in '${recording.file}'`,
  );
}

async function unrecorded(member: string): Promise<never> {
  throw new EngineError(
    'script_failed',
    `${member} is not part of recordings: expected a script that does not call it`,
  );
}

/** Answers as they would come over the wire, so that the guest reads what the script was given when it was recorded. */
function wireAnswer({ responseType = 'json' }: RequestConfig, { status, headers = {}, response }: RecordedAnswer) {
  const value = { status, statusText: '', headers: lowerCased(headers) };
  if (response === undefined) return { value };
  if (responseType === 'json') return { value, body: JSON.stringify(response) };
  const isBuffer =
    typeof response === 'object' &&
    response !== null &&
    'type' in response &&
    response.type === 'Buffer' &&
    'data' in response;
  if (isBuffer) return { value, body: Buffer.from(response.data as number[]) };
  return { value, body: typeof response === 'string' ? response : JSON.stringify(response) };
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** As an API that refuses the first attempts: with a journal the script is suspended meanwhile and runs again. */
async function refuseFirst(
  { inject, clock, journaled }: Options,
  config: RequestConfig,
  call: CallContext,
): Promise<void> {
  const refusals = Math.min(inject.length, config.retries ?? 0);
  const { number, argsHash, pending } = call;
  for (let attempt = pending?.attempt ?? 0; journaled && attempt < refusals; attempt += 1) {
    const what = `${config.method} ${config.endpoint}`;
    const resumeAt = clock().getTime() + 3_600_000;
    const wait = { number, argsHash, attempt: attempt + 1, state: 'waiting' as const, resumeAt, what, harmless: true };
    await call.wait(wait, `${what} was answered with ${inject[attempt]}`);
  }
}
