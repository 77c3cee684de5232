/** The arguments of each host call, checked on our side of the border: the guest may send anything. */
import { z } from 'zod';
import type { HostCallKind, HostCalls } from '../contract/host.ts';
import { LOG_LEVELS, MERGING_STRATEGIES } from '../contract/host.ts';

const param = z.union([z.string(), z.number(), z.boolean()]);
const record = z.record(z.string(), z.unknown());
const write = z.strictObject({ model: z.string(), ids: z.array(z.string().min(1)).readonly() });

const requestConfig = z.strictObject({
  endpoint: z.string(),
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']),
  headers: z.record(z.string(), z.string()).optional(),
  params: z.union([z.string(), z.record(z.string(), z.union([param, z.array(param)]))]).optional(),
  data: z.unknown().optional(),
  retries: z.number().int().min(0).optional(),
  retryOn: z.array(z.number().int()).optional(),
  baseUrlOverride: z.string().optional(),
  decompress: z.boolean().optional(),
  responseType: z.enum(['json', 'text', 'arraybuffer', 'blob', 'stream', 'document']).optional(),
  forwardHeadersOnRedirect: z.boolean().optional(),
  providerConfigKey: z.string().optional(),
  connectionId: z.string().optional(),
  paginated: z.boolean().optional(),
  page: z.strictObject({ number: z.number().int().positive(), rowsAt: z.string().optional() }).optional(),
});
const checkpoint = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

/** What is looked for in Postgres, whose texts hold no NUL. */
const name = z.string().refine((text) => !text.includes('\0'), 'a text without NUL is expected');
const lockKey = name.min(1).max(255);
const address = { providerConfigKey: name, connectionId: name };

/** One schema per kind of call. */
const CALL_SCHEMAS = {
  request: z.strictObject({ config: requestConfig }),
  saveRecords: write,
  updateRecords: write,
  deleteRecords: write,
  readRecords: z.strictObject({
    model: z.string(),
    ids: z.array(z.string()).max(1_000).readonly().optional(),
    cursor: z.string().max(1_000).optional(),
    limit: z.number().int().min(1).max(1_000),
  }),
  startTracking: z.strictObject({ model: z.string() }),
  deleteUnseen: z.strictObject({ model: z.string(), since: z.enum(['tracking', 'run']) }),
  setMergingStrategy: z.strictObject({ model: z.string(), strategy: z.enum(MERGING_STRATEGIES) }),
  // The prelude cuts its lines to 64 KB.
  log: z.strictObject({ level: z.enum(LOG_LEVELS), message: z.string().max(70_000) }),
  getConnection: z.strictObject({
    providerConfigKey: name.optional(),
    connectionId: name.optional(),
    forceRefresh: z.literal(true).optional(),
  }),
  setMetadata: z.strictObject({ metadata: record }),
  updateMetadata: z.strictObject({ metadata: record }),
  getCheckpoint: z.strictObject({}),
  getIntegration: z.strictObject({ include: z.array(z.string()) }),
  getEnvironmentVariables: z.strictObject({}),
  acquireLock: z.strictObject({
    key: lockKey,
    ttlMs: z
      .number()
      .int()
      .positive()
      .max(7 * 86_400_000),
  }),
  releaseLock: z.strictObject({ key: lockKey.nullable() }),
  uncontrolledFetch: z.strictObject({
    url: z.string(),
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']),
    headers: z.record(z.string(), z.string()),
  }),
  triggerAction: z.strictObject({ ...address, action: name }),
  triggerSync: z.strictObject({
    ...address,
    name,
    variant: name,
    reset: z.boolean(),
    emptyCache: z.boolean(),
  }),
  startSync: z.strictObject({
    providerConfigKey: name,
    names: z.array(name),
    connectionId: name.optional(),
  }),
  saveCheckpoint: z.strictObject({ checkpoint: checkpoint.nullable() }),
} as const satisfies Record<HostCallKind, z.ZodType>;

/** A call's arguments, or what is wrong with them in one line. */
export type CheckedCall<Kind extends HostCallKind> =
  | { readonly ok: true; readonly args: HostCalls[Kind]['args'] }
  | { readonly ok: false; readonly reason: string };

export function isCallKind(kind: string): kind is HostCallKind {
  return Object.hasOwn(CALL_SCHEMAS, kind);
}

/** Whether a text is JSON: what the guest writes, it writes with what a script may have put in the place of `JSON.stringify`. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Whether it is that of an object, as all arguments are. */
export function isJsonObject(text: string): boolean {
  return text.startsWith('{') && isJson(text);
}

/** Parses and checks the JSON text of a call's arguments; never throws. */
export function checkCall<Kind extends HostCallKind>(kind: Kind, json: string): CheckedCall<Kind> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return { ok: false, reason: 'the arguments are no JSON' };
  }
  const result = CALL_SCHEMAS[kind].safeParse(value);
  if (result.success) return { ok: true, args: result.data as HostCalls[Kind]['args'] };
  const issues = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  return { ok: false, reason: issues.join('; ') };
}
