/**
 * The part of `models.ts` that is the same in every project: the types of the object that scripts are given.
 * It must need nothing but the ES library, hold types only (the file is never run), and pass in strict and loose
 * projects alike. Names and shapes follow the public script API (facts: sections 3.2 to 3.5).
 */
export const SCRIPT_API = `
// The script API

/** What the engine adds to a record when it is read. Times are ISO text in UTC with microseconds, ending in \`+00:00\`. */
export interface NangoRecordMetadata {
  /** When this record was saved for the first time. */
  first_seen_at: string;
  /** When its content last changed. Saving it again unchanged leaves this time alone. */
  last_modified_at: string;
  last_action: 'ADDED' | 'UPDATED' | 'DELETED';
  /** When it was deleted; null while it exists. */
  deleted_at: string | null;
  /** When its content was removed to save space; null while it is kept. */
  pruned_at?: string | null;
  /** Where to go on reading: pass it as \`cursor\`. */
  cursor: string;
}

/** A model as it is read: a \`date\` may be saved as a Date or as ISO text, and always comes back as ISO text. */
export type Stored<T> = T extends Date
  ? string
  : T extends readonly (infer Element)[]
    ? Stored<Element>[]
    : T extends object
      ? { [Key in keyof T]: Stored<T[Key]> }
      : T;

export type DeepPartial<T> = T extends Date | readonly any[]
  ? T
  : T extends object
    ? { [Key in keyof T]?: DeepPartial<T[Key]> }
    : T;

/** A record as \`GET /records\` and \`listRecords\` answer it. */
export type StoredRecord<T> = Stored<T> & { _nango_metadata: NangoRecordMetadata };

export type NangoHttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'get' | 'post' | 'put' | 'patch' | 'delete';

export interface NangoPaginationOptions {
  type?: 'cursor' | 'link' | 'offset' | undefined;
  /** Dotted path of the list in the response; the whole body when absent. */
  response_path?: string | undefined;
  limit?: number | string | undefined;
  limit_name_in_request?: string | undefined;
  /** Send the parameters in the body; the default for POST, PUT and PATCH. */
  in_body?: boolean | undefined;
  /** Called when the consumer comes back for the next page. */
  on_page?: ((page: { nextPageParam?: string | number | undefined; response: ProxyResponse }) => void | Promise<void>) | undefined;
  cursor_path_in_response?: string | undefined;
  cursor_name_in_request?: string | undefined;
  link_rel_in_response_header?: string | undefined;
  link_path_in_response_body?: string | undefined;
  offset_name_in_request?: string | undefined;
  offset_start_value?: number | undefined;
  offset_calculation_method?: 'by-response-size' | 'per-page' | undefined;
}

export interface ProxyConfiguration {
  /** Path below the provider's base URL, or an absolute URL of the provider. */
  endpoint: string;
  method?: NangoHttpMethod | undefined;
  headers?: Record<string, any> | undefined;
  params?: string | Record<string, any> | undefined;
  data?: any;
  /** How often a failed call is repeated. @default 0 */
  retries?: number | undefined;
  /** Status codes to repeat on, besides the usual ones. */
  retryOn?: readonly number[] | null | undefined;
  baseUrlOverride?: string | undefined;
  decompress?: boolean | undefined;
  responseType?: 'json' | 'text' | 'arraybuffer' | 'blob' | 'stream' | 'document' | undefined;
  forwardHeadersOnRedirect?: boolean | undefined;
  paginate?: NangoPaginationOptions | undefined;
  /** Call as another connection than the script's own. */
  providerConfigKey?: string | undefined;
  connectionId?: string | undefined;
}

/** An answer below 400. Anything else is thrown, as an error with \`response\` and \`code\`. */
export interface ProxyResponse<T = any> {
  data: T;
  status: number;
  statusText: string;
  headers: Record<string, any>;
  config: Record<string, any>;
  request?: any;
}

export interface NangoConnection {
  id: number;
  connection_id: string;
  provider_config_key: string;
  provider: string;
  connection_config: Record<string, any>;
  metadata: Record<string, any>;
  credentials: any;
  created_at: string;
  updated_at: string;
  [key: string]: any;
}

export interface NangoIntegration {
  unique_key: string;
  provider: string;
  display_name: string;
  created_at: string;
  updated_at: string;
  credentials?: any;
  [key: string]: any;
}

/** An answer in the shape of the Fetch API. */
export interface NangoFetchResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly statusText: string;
  readonly url: string;
  readonly headers: { get(name: string): string | null; has(name: string): boolean; [key: string]: any };
  text(): Promise<string>;
  json(): Promise<any>;
  arrayBuffer(): Promise<ArrayBuffer>;
  clone(): NangoFetchResponse;
}

/** Throw it to answer the caller of an action with a payload of your own. */
export interface NangoActionError extends Error {
  type: string;
  payload: any;
}

/** What every script can do. */
export interface NangoAction {
  readonly connectionId: string;
  readonly providerConfigKey: string;
  readonly provider: string;
  readonly environmentName: string;
  readonly environmentId: number;
  readonly isCLI?: boolean;
  readonly ActionError: new (payload?: any) => NangoActionError;
  /** The zod of the sandbox. */
  readonly zod: any;

  get<T = any>(config: ProxyConfiguration): Promise<ProxyResponse<T>>;
  post<T = any>(config: ProxyConfiguration): Promise<ProxyResponse<T>>;
  put<T = any>(config: ProxyConfiguration): Promise<ProxyResponse<T>>;
  patch<T = any>(config: ProxyConfiguration): Promise<ProxyResponse<T>>;
  delete<T = any>(config: ProxyConfiguration): Promise<ProxyResponse<T>>;
  proxy<T = any>(config: ProxyConfiguration): Promise<ProxyResponse<T>>;
  /** One array for each page. */
  paginate<T = any>(config: ProxyConfiguration): AsyncGenerator<T[], undefined, void>;

  getConnection(providerConfigKey?: string, connectionId?: string, options?: Record<string, any>): Promise<NangoConnection>;
  getToken(): Promise<any>;
  /** What your application stored with the connection; \`{}\` when nothing was. */
  getMetadata<T = any>(): Promise<T>;
  /** Replaces all metadata. */
  setMetadata(metadata: Record<string, any>): Promise<any>;
  /** Replaces the given keys only. */
  updateMetadata(metadata: Record<string, any>): Promise<any>;
  /** Where the script said it was; null on the first run and after a reset. */
  getCheckpoint<T = any>(): Promise<T | null>;
  /** Says where the script is, with what it has saved so far: a later run goes on from here. Flat, at most 64 KB. */
  saveCheckpoint(checkpoint: Record<string, string | number | boolean>): Promise<void>;
  clearCheckpoint(): Promise<void>;

  getIntegration(options?: { include?: readonly ('webhook' | 'credentials')[] }): Promise<NangoIntegration>;
  /** What the environment has, as \`nango variables\` shows it. */
  getEnvironmentVariables(): Promise<{ name: string; value: string }[]>;
  getFlowAttributes<T = any>(): T | null;
  getWebhookURL(): Promise<string | null>;
  /** @deprecated Use getMetadata. */
  getFieldMapping(): Promise<Record<string, any>>;
  /** @deprecated Use setMetadata. */
  setFieldMapping(mapping: Record<string, any>): Promise<any>;

  /** Runs an action and waits for its answer. */
  triggerAction<In = any, Out = any>(providerConfigKey: string, connectionId: string, action: string, input?: In): Promise<Out>;
  /** Starts a run of a sync, or joins the one that is under way. */
  triggerSync(
    providerConfigKey: string,
    connectionId: string,
    sync: string | { name: string; variant: string },
    options?: { reset?: boolean; emptyCache?: boolean } | string | boolean,
  ): Promise<void>;
  /** Lets paused syncs run again. */
  startSync(
    providerConfigKey: string,
    syncs: readonly (string | { name: string; variant: string })[],
    connectionId?: string,
  ): Promise<void>;

  /** Takes a lock against all other runs of the environment; false when one of them has it. */
  tryAcquireLock(lock: { key: string; ttlMs: number }): Promise<boolean>;
  releaseLock(lock: { key: string }): Promise<boolean>;
  /** Happens by itself when the run ends. */
  releaseAllLocks(): Promise<void>;
  /** A call without credentials and retries; private addresses are refused. */
  uncontrolledFetch(request: {
    url: { toString(): string };
    method?: string | undefined;
    headers?: Record<string, string> | undefined;
    body?: string | undefined;
  }): Promise<NangoFetchResponse>;

  /** Lines below the level are dropped. */
  setLogger(logger: { level: 'debug' | 'info' | 'warn' | 'error' | 'off' }): void;
  /** Anything can be logged. A last argument \`{ level: 'warn' }\` sets the level. @default 'info' */
  log(...args: any[]): Promise<void>;
  /** Parses with a zod schema; throws an ActionError that names each issue. */
  zodValidateInput<T = any>(options: { zodSchema: any; input: unknown }): Promise<{ success: true; data: T }>;
}

/** What syncs can do besides. */
export interface NangoSync extends NangoAction {
  /** When the last successful run began; nothing (test it with \`if\`) on the first run and after a reset. */
  readonly lastSyncDate?: Date;
  /** \`base\`, unless the sync was split into variants. */
  readonly variant: string;

  /** Adds or updates records by their \`id\`. */
  batchSave<T = any>(rows: readonly T[], model: ModelName): Promise<boolean>;
  /** The old name of batchSave. */
  batchSend<T = any>(rows: readonly T[], model: ModelName): Promise<boolean>;
  /** Merges parts of records into those that are stored: objects by key, lists are replaced. Unknown ids are left out. */
  batchUpdate<T = any>(rows: readonly (DeepPartial<T> & { id: string | number })[], model: ModelName): Promise<boolean>;
  /** Marks records as deleted; only \`id\` is needed. */
  batchDelete<T = any>(rows: readonly (Partial<T> & { id: string | number })[], model: ModelName): Promise<boolean>;
  /** Records by the ids they were asked for; ids that were never saved are absent, deleted records say so. */
  getRecordsByIds<Id = string | number, T = any>(ids: readonly Id[], model: ModelName): Promise<Map<Id, StoredRecord<T>>>;
  /** All records in the order of their changes, deleted ones too; with a cursor only what changed after it. */
  listRecords<T = any>(model: ModelName, options?: { cursor?: string }): AsyncGenerator<StoredRecord<T>, undefined, void>;
  /** From here on, what is saved of the model counts as seen. Call it before the first save of the model. */
  trackDeletesStart(model: ModelName): Promise<void>;
  /** After the last save of the model: what was not seen since the start is deleted once the whole run has succeeded. */
  trackDeletesEnd(model: ModelName): Promise<{ deletedKeys: string[] }>;
  /** The older form, without a start: everything that this run did not save is deleted. */
  deleteRecordsFromPreviousExecutions(model: ModelName): Promise<{ deletedKeys: string[] }>;
  /** With \`ignore_if_modified_after\`, what others (a webhook) change from now on stays as they leave it. Call it first. */
  setMergingStrategy(merging: { strategy: 'override' | 'ignore_if_modified_after' }, model: ModelName): Promise<void>;
}
`;

// Besides its own exports the text above uses these of the ES library: a model of that name would take their place.
const LIBRARY_NAMES = ['Date', 'Error', 'Map', 'Record', 'Promise', 'Partial', 'AsyncGenerator', 'ArrayBuffer'];
const TYPESCRIPT_NAMES = [
  'symbol',
  'Array',
  'default',
  'class',
  'enum',
  'function',
  'import',
  'export',
  'extends',
  'typeof',
  'new',
  'in',
  'var',
  'const',
  'return',
  'delete',
  'this',
  'super',
  'switch',
  'case',
  'while',
  'for',
  'do',
  'if',
  'else',
  'try',
  'catch',
  'finally',
  'throw',
  'with',
  'break',
  'continue',
  'debugger',
  'instanceof',
  'interface',
  'let',
  'package',
  'private',
  'protected',
  'public',
  'static',
  'yield',
  'implements',
];

/** Names that models cannot have, since `models.ts` declares or needs them itself. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set([
  'ModelName',
  ...[...SCRIPT_API.matchAll(/^export (?:interface|type) (\w+)/gm)].flatMap((match) => match[1] ?? []),
  ...LIBRARY_NAMES,
  ...TYPESCRIPT_NAMES,
]);
