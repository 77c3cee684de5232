/** The `nango` object as scripts see it. Members are closures, so that destructured and computed calls work. */
import type { ConnectionView } from '../../contract/host.ts';
import type { GuestContext } from '../../contract/script.ts';
import { hostCall } from './calls.ts';
import { ActionError } from './errors.ts';
import { type AuthorConfig, request } from './http.ts';
import { log, writeLine } from './log.ts';
import { paginate } from './paginate.ts';
import { checkpoints } from './checkpoints.ts';
import { recordReads } from './record-reads.ts';
import { tracking } from './tracking.ts';
import type { RecordRules } from './record-rules.ts';
import { surroundings } from './surroundings.ts';
import { deleteRecords, saveRecords, updateRecords } from './records.ts';

type Zod = { readonly z: unknown } | undefined;
type Issue = { readonly path: readonly PropertyKey[]; readonly message: string };
type Schema = {
  safeParse(input: unknown): { success: true; data: unknown } | { success: false; error: { issues: readonly Issue[] } };
};

/** Makes the object for one run. */
export function createNango(kind: 'sync' | 'action', context: GuestContext, maxFrameBytes: number, zod: Zod): object {
  const rules: RecordRules = {
    kind,
    scriptName: context.scriptName,
    // What a recording does not hold is a difference, and no error of the script.
    models: context.recording === 'play' ? undefined : (context.models ?? []),
    // A character takes up to three bytes of UTF-8.
    maxChunk: Math.floor(maxFrameBytes / 4),
  };
  return {
    ...properties(kind, context),
    ...requests(context),
    ...connections(),
    batchSave: (rows: unknown, model: unknown) => saveRecords(rules, 'batchSave', rows, model),
    batchSend: (rows: unknown, model: unknown) => saveRecords(rules, 'batchSend', rows, model),
    batchUpdate: (rows: unknown, model: unknown) => updateRecords(rules, 'batchUpdate', rows, model),
    batchDelete: (rows: unknown, model: unknown) =>
      context.recording === undefined
        ? deleteRecords(rules, 'batchDelete', rows, model)
        : deleteRecorded(rows, String(model)),
    ...recordReads(rules),
    ...tracking(rules),
    ...checkpoints,
    ...surroundings(context),
    log,
    ActionError,
    zod: zod?.z,
    zodValidateInput:
      context.recording === 'play'
        ? async ({ input }: { input: unknown }) => ({ success: true, data: input })
        : zodValidateInput,
  };
}

/** Recordings hold the rows that were deleted, not only their ids. */
async function deleteRecorded(rows: unknown, model: string): Promise<true> {
  const list = Array.isArray(rows) ? rows : [];
  const ids = list.map((row) => String((row as { id?: unknown } | null)?.id ?? '')).filter((id) => id !== '');
  if (list.length > 0) await hostCall('deleteRecords', { model, ids }, JSON.stringify(list));
  return true;
}

function properties(kind: 'sync' | 'action', context: GuestContext): object {
  const shared = {
    connectionId: context.connectionId,
    providerConfigKey: context.providerConfigKey,
    provider: context.provider,
    environmentName: context.environmentName,
    environmentId: context.environmentId,
    isCLI: context.isCli === true,
  };
  if (kind === 'action') return shared;
  const last = context.lastSyncDate;
  return { ...shared, variant: context.variant ?? 'base', lastSyncDate: last ? new Date(last) : null };
}

function requests(context: GuestContext): object {
  const withMethod = (method: string) => async (config: AuthorConfig) => request(config, method);
  return {
    get: withMethod('GET'),
    post: withMethod('POST'),
    put: withMethod('PUT'),
    patch: withMethod('PATCH'),
    delete: withMethod('DELETE'),
    proxy: async (config: AuthorConfig) => request(config),
    paginate: (config: AuthorConfig) => paginate(config, context.paginate),
  };
}

function connections(): object {
  const getConnection = async (
    providerConfigKey?: string,
    connectionId?: string,
    options?: { readonly forceRefresh?: unknown; readonly refreshGithubAppJwtToken?: unknown },
  ): Promise<ConnectionView> => {
    const args = {
      ...(providerConfigKey ? { providerConfigKey } : {}),
      ...(connectionId ? { connectionId } : {}),
      ...(options?.forceRefresh === true || options?.refreshGithubAppJwtToken === true ? { forceRefresh: true } : {}),
    };
    return (await hostCall('getConnection', args)).value as ConnectionView;
  };
  return {
    getConnection,
    getToken: async () => tokenOf((await getConnection()).credentials),
    getMetadata: async () => (await getConnection()).metadata ?? {},
    setMetadata: async (metadata: unknown) => writeMetadata('setMetadata', metadata),
    // The old names.
    getFieldMapping: async () => (await getConnection()).metadata ?? {},
    setFieldMapping: async (metadata: unknown) => writeMetadata('setMetadata', metadata),
    updateMetadata: async (metadata: unknown) => writeMetadata('updateMetadata', metadata),
  };
}

/** What the credentials of each auth mode amount to: a text, or the pair that signs. */
function tokenOf(credentials: Readonly<Record<string, unknown>>): unknown {
  const { type, raw: _, ...rest } = credentials;
  switch (type) {
    case 'OAUTH2':
    case 'APP':
      return credentials['access_token'];
    case 'OAUTH1':
      return { oAuthToken: credentials['oauth_token'], oAuthTokenSecret: credentials['oauth_token_secret'] };
    case 'API_KEY':
      return credentials['apiKey'] ?? credentials['api_key'];
    default:
      return credentials['token'] ?? credentials['access_token'] ?? rest;
  }
}

async function writeMetadata(kind: 'setMetadata' | 'updateMetadata', metadata: unknown): Promise<void> {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw new TypeError(`nango.${kind}: an object is expected.`);
  }
  await hostCall(kind, { metadata: JSON.parse(JSON.stringify(metadata)) });
}

async function zodValidateInput(options: { zodSchema: Schema; input: unknown }): Promise<unknown> {
  const result = options.zodSchema.safeParse(options.input);
  if (result.success) return result;
  for (const issue of result.error.issues) {
    await writeLine('error', [`Invalid input at '${issue.path.map(String).join('.')}': ${issue.message}`]);
  }
  throw new ActionError({ message: 'Invalid input', errors: result.error.issues });
}
