/**
 * The Host of `nango dryrun`: reads for real, through the server, and stores nothing. Requests take the server's
 * `/proxy`, so credentials never come here for them; what the script saves is collected and shown.
 */
import { EngineError, FAILURES, failureCode } from '../contract/failures.ts';
import type { Checkpoint, ConnectionView, Host, LogLevel, ResponseHead } from '../contract/host.ts';
import { createRedactor } from '../contract/redaction.ts';
import { type Client, pathPart } from './client.ts';
import { createDrySurroundings } from './dry-surroundings.ts';
import { createDryRecords, type DryModel } from './dry-records.ts';
import type { ExchangeResponse } from './exchange.ts';
import { proxyCall } from './proxy-call.ts';
import { createRecordReads, openStoredRecords } from './stored-records.ts';

export type DryHost = {
  readonly host: Host;
  readonly requests: () => number;
  readonly records: () => readonly DryModel[];
};

type DryHostOptions = {
  readonly client: Client;
  readonly connection: ConnectionView;
  readonly kind: 'sync' | 'action';
  readonly models: readonly string[];
  /** Of the models, as it would be deployed: what does not fit is warned of. */
  readonly schema?: unknown;
  readonly variant: string;
  /** What the script finds as its checkpoint; changes are kept for the run only. */
  readonly checkpoint: Checkpoint | null;
  readonly log: (level: LogLevel, message: string) => void;
  /** As NANGO_OUTBOUND_ALLOW, for calls that do not take the server's way. */
  readonly allow?: readonly string[];
};

/** The connection as the server answers it, with a new token if forced. Throws the server's refusal for an unknown one. */
export async function fetchConnection(
  client: Client,
  address: { readonly providerConfigKey: string; readonly connectionId: string },
  isForced = false,
): Promise<ConnectionView> {
  return client.call<ConnectionView>('GET', `/connections/${pathPart(address.connectionId)}`, {
    query: { provider_config_key: address.providerConfigKey, ...(isForced && { force_refresh: 'true' }) },
    headers: { 'nango-is-dry-run': 'true' },
  });
}

/** A Host for one run; metadata that the script writes is kept for that run only. */
export function createDryHost(options: DryHostOptions): DryHost {
  const { client, kind, log } = options;
  let own = options.connection;
  let checkpoint = options.checkpoint;
  let requests = 0;
  const redactor = createRedactor();
  redactor.add(own.credentials);
  const stored = openStoredRecords(client, own, options.variant);
  const warn = (message: string) => log('warn', message);
  const records = createDryRecords(options.models, { warn, stored: stored.live, schema: options.schema });
  const isOwn = (key: string | undefined, id: string | undefined) =>
    (key ?? own.provider_config_key) === own.provider_config_key && (id ?? own.connection_id) === own.connection_id;
  const setMetadata = async (metadata: Readonly<Record<string, unknown>>) => {
    own = { ...own, metadata };
    log('info', `dry run: the metadata would become ${JSON.stringify(metadata)}`);
    return { value: null };
  };
  const host: Host = {
    request: async ({ config }, { signal }) => {
      requests += 1;
      const call = await proxyCall(config, {
        providerConfigKey: own.provider_config_key,
        connectionId: own.connection_id,
      });
      const headers = { ...call.headers, 'nango-is-sync': String(kind === 'sync') };
      const response = await client.send(call.method, call.path, headers, call.body, signal);
      throwOwnFailure(response);
      return { value: headOf(response), body: response.body };
    },
    saveRecords: async ({ model, ids }, { body }) => {
      records.save(model, ids, body);
      return { value: null };
    },
    updateRecords: async ({ model, ids }, { body }) => {
      await records.update(model, ids, body);
      return { value: null };
    },
    deleteRecords: async ({ model, ids }) => {
      records.remove(model, ids);
      return { value: null };
    },
    ...createRecordReads(stored, records),
    startTracking: async ({ model }) => {
      records.check(model);
      return { value: null };
    },
    deleteUnseen: async ({ model }) => {
      records.check(model);
      log('info', `dry run: what a run would delete of '${model}' is not looked for`);
      return { value: { deletedKeys: [] } };
    },
    // Nobody else writes in a dry run.
    setMergingStrategy: async ({ model }) => {
      records.check(model);
      return { value: null };
    },
    getCheckpoint: async () => ({ value: checkpoint }),
    saveCheckpoint: async (saved) => {
      checkpoint = saved.checkpoint;
      return { value: null };
    },
    log: async ({ level, message }) => {
      log(level, redactor.redact(message));
      return { value: null };
    },
    getConnection: async ({ providerConfigKey, connectionId, forceRefresh }) => {
      const isForced = forceRefresh === true;
      if (isOwn(providerConfigKey, connectionId) && !isForced) return { value: own };
      const address = {
        providerConfigKey: providerConfigKey ?? own.provider_config_key,
        connectionId: connectionId ?? own.connection_id,
      };
      const found = await fetchConnection(client, address, isForced);
      redactor.add(found.credentials);
      if (!isOwn(providerConfigKey, connectionId)) return { value: found };
      // What the script has written to its metadata is kept here alone.
      own = { ...found, metadata: own.metadata };
      return { value: own };
    },
    ...createDrySurroundings({ client, connection: options.connection, allow: options.allow ?? [], log }),
    setMetadata: ({ metadata }) => setMetadata(metadata),
    updateMetadata: ({ metadata }) => setMetadata({ ...own.metadata, ...metadata }),
  };
  return { host, requests: () => requests, records: records.result };
}

function headOf({ status, statusText, headers }: ExchangeResponse): ResponseHead {
  const { 'set-cookie': _cookie, authorization: _secret, ...seen } = headers;
  return { status, statusText, headers: seen };
}

/**
 * In production a call that never reached its API is an error without a response. The proxy answers it with one of our
 * own codes under that code's own status, which is how it is told from an answer of the API.
 */
function throwOwnFailure(response: ExchangeResponse): void {
  if (response.status < 400 || response.body.length > 64 * 1024) return;
  const error = errorIn(response.body.toString('utf8'));
  const code = failureCode(error);
  if (code === undefined || FAILURES[code].status !== response.status) return;
  throw new EngineError(code, String(error?.['message'] ?? code), { details: { payload: error?.['payload'] } });
}

function errorIn(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text) as { error?: unknown } | null;
    const error = value?.error;
    return typeof error === 'object' && error !== null ? (error as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
