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

/** The kinds of host call: what goes in, what comes out. `body` is raw text or bytes that nobody parses on the way. */
export type HostCalls = {
  request: { args: { config: RequestConfig }; value: ResponseHead };
  /** `body`: JSON array of the rows, as the guest's `JSON.stringify` wrote it; `ids[i]` is the id of row i as text. */
  saveRecords: { args: { model: string; ids: readonly string[] }; value: RecordCounts };
  deleteRecords: { args: { model: string; ids: readonly string[] }; value: RecordCounts };
  log: { args: { level: LogLevel; message: string }; value: null };
  getConnection: { args: { providerConfigKey?: string; connectionId?: string }; value: ConnectionView };
  setMetadata: { args: { metadata: Readonly<Record<string, unknown>> }; value: null };
  updateMetadata: { args: { metadata: Readonly<Record<string, unknown>> }; value: null };
};
export type HostCallKind = keyof HostCalls;

export type HostAnswer<Value> = { readonly value: Value; readonly body?: string | Uint8Array };

/** One method per kind. A rejection must be an `EngineError`; it reaches the script as an error with its code. */
export type Host = {
  readonly [Kind in HostCallKind]: (
    args: HostCalls[Kind]['args'],
    call: { readonly body: string | undefined; readonly signal: AbortSignal },
  ) => Promise<HostAnswer<HostCalls[Kind]['value']>>;
};
