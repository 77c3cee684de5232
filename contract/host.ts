/**
 * What a script may ask of its surroundings. Every member is one numbered host call that crosses the sandbox border as
 * JSON; there are several Hosts (durable in the worker, printing in `nango dryrun`) and the script never learns which.
 */

/** A call to an upstream API as the author writes it (`nango.get({ endpoint, … })`). */
export type RequestConfig = {
  readonly endpoint: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly params?:
    | string
    | Readonly<Record<string, string | number | boolean | readonly (string | number | boolean)[]>>;
  /** JSON value, text, or `{ base64 }` for bytes; absent for no body. */
  readonly data?: unknown;
  readonly retries?: number;
  readonly retryOn?: readonly number[];
  readonly baseUrlOverride?: string;
  readonly decompress?: boolean;
  readonly responseType?: 'json' | 'text' | 'arraybuffer' | 'blob' | 'stream' | 'document';
  readonly forwardHeadersOnRedirect?: boolean;
  /** Another connection than the script's own. */
  readonly providerConfigKey?: string;
  readonly connectionId?: string;
  /** Set on the calls `paginate` makes: they only read, whatever their method. */
  readonly paginated?: boolean;
  /** Which page of its list such a call asks for. Only while a recording is played, which may hold less than the API. */
  readonly page?: ListPage;
};

export type ListPage = {
  /** From 1. */
  readonly number: number;
  /** The `response_path` of the list, where it has one. */
  readonly rowsAt?: string;
};

/** Status and headers of an answer; its body travels beside it, untouched. Answers of 400 and more are answers too. */
export type ResponseHead = {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Readonly<Record<string, string>>;
};

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** How many rows of one write became what. */
export type RecordCounts = { readonly added: number; readonly updated: number; readonly deleted: number };

/** A connection as scripts and `GET /connections/:id` see it. */
export type ConnectionView = {
  readonly id: number;
  readonly connection_id: string;
  readonly provider_config_key: string;
  readonly provider: string;
  readonly connection_config: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly credentials: Readonly<Record<string, unknown>>;
  readonly created_at: string;
  readonly updated_at: string;
};

/** An integration as scripts and `GET /integrations/:key` see it. */
export type IntegrationView = {
  readonly unique_key: string;
  readonly provider: string;
  readonly display_name: string;
  readonly created_at: string;
  readonly updated_at: string;
  /** Where they were asked for; null when it has none. */
  readonly credentials?: unknown;
  /** Where it was asked for. */
  readonly webhook_url?: string;
};

/** Where a script says it is: flat, and at most 64 KB as JSON. */
export type Checkpoint = Readonly<Record<string, string | number | boolean>>;

export const MERGING_STRATEGIES = ['override', 'ignore_if_modified_after'] as const;
export type MergingStrategy = (typeof MERGING_STRATEGIES)[number];

/** The kinds of host call: what goes in, what comes out. `body` is raw text or bytes that nobody parses on the way. */
export type HostCalls = {
  request: { args: { config: RequestConfig }; value: ResponseHead };
  /** `body`: JSON array with one row a line, as the guest's `JSON.stringify` wrote it; `ids[i]` is the id of row i as text. */
  saveRecords: { args: { model: string; ids: readonly string[] }; value: null };
  /** The same with parts of rows, which are merged into what is stored; ids that are not are left out. */
  updateRecords: { args: { model: string; ids: readonly string[] }; value: null };
  deleteRecords: { args: { model: string; ids: readonly string[] }; value: null };
  /** The answer's body is a JSON array of records with `_nango_metadata`, in commit order after `cursor`. */
  readRecords: {
    args: { model: string; ids?: readonly string[]; cursor?: string; limit: number };
    value: { nextCursor: string | null };
  };
  /** From here on, what is saved of the model counts as seen. */
  startTracking: { args: { model: string }; value: null };
  /**
   * Deletes what was not seen: since `startTracking`, or since the run began. The deletions are made once the whole run
   * has succeeded; none when they were too many to be believed.
   */
  deleteUnseen: { args: { model: string; since: 'tracking' | 'run' }; value: { deletedKeys: readonly string[] } };
  /** What the run may write over: everything, or only what was not modified by others after this call. */
  setMergingStrategy: { args: { model: string; strategy: MergingStrategy }; value: null };
  log: { args: { level: LogLevel; message: string }; value: null };
  /** `forceRefresh`: with a token that is new, whatever the old one is good for. */
  getConnection: {
    args: { providerConfigKey?: string; connectionId?: string; forceRefresh?: true };
    value: ConnectionView;
  };
  setMetadata: { args: { metadata: Readonly<Record<string, unknown>> }; value: null };
  updateMetadata: { args: { metadata: Readonly<Record<string, unknown>> }; value: null };
  getCheckpoint: { args: Readonly<Record<string, never>>; value: Checkpoint | null };
  getIntegration: { args: { include: readonly string[] }; value: IntegrationView };
  getEnvironmentVariables: { args: Readonly<Record<string, never>>; value: readonly { name: string; value: string }[] };
  /** False when another run of the environment has it. */
  acquireLock: { args: { key: string; ttlMs: number }; value: boolean };
  /** Null releases all locks of the run. */
  releaseLock: { args: { key: string | null }; value: boolean };
  /** `body`: what is sent. No credentials and no retries; the address policy holds. */
  uncontrolledFetch: {
    args: { url: string; method: string; headers: Readonly<Record<string, string>> };
    value: ResponseHead;
  };
  /** `body`: the input as JSON text; the answer's body is the output. Waits until the action has ended. */
  triggerAction: { args: { providerConfigKey: string; connectionId: string; action: string }; value: null };
  /** Does not wait. */
  triggerSync: {
    args: {
      providerConfigKey: string;
      connectionId: string;
      name: string;
      variant: string;
      reset: boolean;
      emptyCache: boolean;
    };
    value: null;
  };
  /** Lets paused syncs run again, of one connection or of all. */
  startSync: { args: { providerConfigKey: string; names: readonly string[]; connectionId?: string }; value: null };
  /** Null clears it. */
  saveCheckpoint: { args: { checkpoint: Checkpoint | null }; value: null };
};
export type HostCallKind = keyof HostCalls;

export type HostAnswer<Value> = { readonly value: Value; readonly body?: string | Uint8Array };

/** A call that has no answer yet but must not be made as if it were new. */
export type PendingCall = {
  readonly number: number;
  readonly argsHash: string;
  /** Attempts already begun. */
  readonly attempt: number;
  /** `intended`: it was about to go on the wire, and nobody knows whether it did. `waiting`: refused, to be tried again. */
  readonly state: 'intended' | 'waiting';
  /** When to try again, ms since the epoch. */
  readonly resumeAt: number | null;
  /** What the call is, for people: `POST /tasks`. */
  readonly what: string;
  /** Whether making it twice is harmless: it only reads, or carries an idempotency key. */
  readonly harmless: boolean;
};

/** What a host call learns besides its arguments. */
export type CallContext = {
  readonly body: string | undefined;
  readonly signal: AbortSignal;
  /** The guest's number of the call, the same each time the script runs again. */
  readonly number: number;
  readonly argsHash: string;
  /** What an earlier attempt of the run left of this very call. */
  readonly pending: PendingCall | undefined;
  /**
   * Waits until `call.resumeAt`. A long wait suspends the run when nothing else is under way: then this never returns,
   * and `call` is what a later attempt finds as `pending`. A promise `sooner` may end it before.
   */
  readonly wait: (
    call: PendingCall & { readonly resumeAt: number },
    reason: string,
    sooner?: Promise<void>,
  ) => Promise<void>;
  /** Whether no other call and no timer of the script is outstanding. */
  readonly isAlone: () => boolean;
  /** Ends this pass of the script at once; the run begins again from its checkpoint. Never returns. */
  readonly restart: () => Promise<never>;
};

/** One method per kind. A rejection must be an `EngineError`; it reaches the script as an error with its code. */
export type Host = {
  readonly [Kind in HostCallKind]: (
    args: HostCalls[Kind]['args'],
    call: CallContext,
  ) => Promise<HostAnswer<HostCalls[Kind]['value']>>;
};
