/** Taking in a provider's webhook: once it is answered, everything that follows from it is in Postgres. */
import stringify from 'safe-stable-stringify';
import { EngineError } from '../contract/failures.ts';
import {
  checkSignature,
  readWebhook,
  signingCredential,
  type WebhookCall,
  type WebhookEvent,
} from '../outbound/provider-webhook.ts';
import { pick } from '../outbound/auth/token-response.ts';
import { allocateWebhookRun } from '../store/allocation.ts';
import { type Queryable, withTransaction } from '../store/db.ts';
import {
  addConnectionConfig,
  addInbound,
  type Addressee,
  addressees,
  type InboundAddress,
  integrationOfAddress,
  nextWebhookRuns,
  subscribedSyncs,
} from '../store/inbound-webhooks.ts';
import { syncById } from '../store/syncs.ts';
import { addDelivery, nextSequence } from '../store/webhook-deliveries.ts';
import { webhookSettings } from '../store/webhook-settings.ts';
import type { ApiDeps } from './deps.ts';
import { noted } from './noted.ts';
import { openIntegration } from './sign-in.ts';

/** For as long an event that comes again is known to have come. */
const KNOWN_FOR_MS = 7 * 24 * 3_600_000;
/** After one second, then twice as long each time up to a minute: about five minutes in all. */
const RETRIES = 10;

export type Taken = Pick<WebhookEvent, 'eventId' | 'type'> & {
  readonly isRepeated: boolean;
  /** Ids of those it is about. */
  readonly connections: readonly string[];
  readonly challenge: string | undefined;
  /** Which of a sync's webhooks may begin is asked for these, and these deliveries are to be started. */
  readonly syncIds: readonly string[];
  readonly deliveries: readonly string[];
};

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const NOTHING = { challenge: undefined, connections: [], syncIds: [], deliveries: [] } as const;

/**
 * @throws EngineError `not_found` for an address that is none, `webhook_refused` for a sender that is not the provider,
 * `integration_incomplete` where the secret that signs is not known here.
 */
export async function takeWebhook(
  deps: ApiDeps,
  address: { readonly publicId: string; readonly providerConfigKey: string },
  call: WebhookCall,
): Promise<Taken> {
  // Postgres refuses NUL, and nothing else that is no address is worth a query.
  const isAddress = UUID.test(address.publicId) && !address.providerConfigKey.includes('\u0000');
  const integration = isAddress ? await integrationOfAddress(deps.db, address) : undefined;
  if (integration === undefined) throw new EngineError('not_found', 'No integration has this webhook address.');
  const { environmentId, providerConfigKey } = integration;
  const about = {
    environmentId,
    providerConfigKey,
    type: 'webhook',
    operation: 'incoming',
    connectionId: null,
  } as const;
  return noted(deps, about, () => take(deps, integration, call), describe);
}

/** What `/logs` says of a webhook that was taken in. */
function describe({ type, eventId, isRepeated, challenge, connections, syncIds, deliveries }: Taken) {
  const event = `'${type ?? 'without a type'}'${eventId === null ? '' : ` (event ${eventId})`}`;
  const [only, ...others] = connections;
  const connectionId = others.length === 0 ? (only ?? null) : null;
  if (challenge !== undefined) return { summary: 'A challenge of the provider was answered' };
  if (isRepeated) return { summary: `${event} came again and was not handled again` };
  return {
    summary: `${event} for ${count(connections.length, 'connection')}`,
    connectionId,
    messages: [`${count(syncIds.length, 'run')} of subscribed syncs, passed on ${count(deliveries.length, 'time')}`],
  };
}

const count = (number: number, thing: string): string => `${number} ${thing}${number === 1 ? '' : 's'}`;

async function take(deps: ApiDeps, integration: InboundAddress, call: WebhookCall): Promise<Taken> {
  const provider = deps.catalogue.get(integration.provider);
  const needed = signingCredential(provider);
  if (needed !== undefined) checkSignature(provider, call, await secretOf(deps, integration, needed), deps.clock());
  const event = readWebhook(provider, call);
  if (event.challenge !== undefined)
    return { ...NOTHING, ...namesOf(event), isRepeated: false, challenge: event.challenge };
  const taken = await withTransaction(deps.db, (db) => store(db, deps, integration, event));
  const { eventId, type } = event;
  const { providerConfigKey, environment } = integration;
  deps.log('webhook.received', {
    environment,
    integration: providerConfigKey,
    type,
    eventId,
    repeated: taken.isRepeated,
  });
  return taken;
}

/** Starts what a webhook has led to; reconcile starts what Temporal cannot hear of now. */
export async function startTaken(deps: ApiDeps, { syncIds, deliveries }: Taken): Promise<void> {
  try {
    // After the commit: whoever ends a run at this moment sees the new one, or is seen here.
    const runs = syncIds.length === 0 ? [] : await nextWebhookRuns(deps.db, syncIds);
    await Promise.all([
      ...runs.map((run) => deps.engine.startAction(run)),
      ...deliveries.map((id) => deps.engine.startDelivery(id)),
    ]);
  } catch (error) {
    deps.log('webhook.postponed', { error: error instanceof Error ? error.message : String(error) });
  }
}

async function secretOf(
  deps: ApiDeps,
  { integrationId, providerConfigKey }: InboundAddress,
  name: 'webhook_secret' | 'client_secret',
): Promise<string> {
  const secret = (await openIntegration(deps, { id: integrationId }))[name];
  if (typeof secret === 'string' && secret !== '') return secret;
  throw new EngineError(
    'integration_incomplete',
    `Integration '${providerConfigKey}' has no ${name}, which signs its provider's webhooks: PATCH /integrations/${providerConfigKey} with it among the credentials.`,
  );
}

async function store(db: Queryable, deps: ApiDeps, integration: InboundAddress, event: WebhookEvent): Promise<Taken> {
  const { environmentId, integrationId } = integration;
  const { eventId, type } = event;
  const at = deps.clock();
  const keptFrom = new Date(at.getTime() - KNOWN_FOR_MS);
  const webhookId = await addInbound(db, { environmentId, integrationId, eventId, type, at, keptFrom });
  if (webhookId === undefined) return { ...NOTHING, ...namesOf(event), isRepeated: true };
  const connections = await addressees(db, integrationId, event.accounts);
  const rows = connections.map(({ id }) => id);
  const told = pick(event.payload, deps.catalogue.get(integration.provider).webhook_response_metadata ?? []);
  if (rows.length > 0 && Object.keys(told).length > 0) await addConnectionConfig(db, rows, told);
  const syncIds = rows.length === 0 ? [] : await subscribedSyncs(db, rows, type);
  const input = JSON.stringify(event.payload);
  for (const id of syncIds) {
    const sync = await syncById(db, id);
    if (sync !== undefined) await allocateWebhookRun(db, deps, sync, { webhookId, input, retries: RETRIES });
  }
  const deliveries = integration.forwards
    ? await forward(db, deps, integration, { event, connections, webhookId })
    : [];
  const ids = connections.map(({ connectionId }) => connectionId);
  return { ...NOTHING, ...namesOf(event), isRepeated: false, connections: ids, syncIds, deliveries };
}

function namesOf({ eventId, type }: WebhookEvent): Pick<Taken, 'eventId' | 'type'> {
  return { eventId, type };
}

/** Passes the webhook on to the application: for each connection in an envelope, as it came when it is of none. */
async function forward(
  db: Queryable,
  deps: ApiDeps,
  { environmentId, provider, providerConfigKey }: InboundAddress,
  told: { readonly event: WebhookEvent; readonly connections: readonly Addressee[]; readonly webhookId: string },
): Promise<string[]> {
  const settings = await webhookSettings(db, environmentId);
  if (settings === undefined) return [];
  const { payload } = told.event;
  const common = { environmentId, runId: null, subject: 'forward', type: 'forward', at: deps.clock() };
  const urlsOf = (override: string | null) =>
    new Set(
      (override === null ? [settings.primary_url, settings.secondary_url] : [override]).filter((url) => url !== null),
    );
  const ids: (string | undefined)[] = [];
  for (const { id, connectionId, override } of told.connections) {
    const urls = urlsOf(override);
    if (urls.size === 0) continue;
    const sequence = await nextSequence(db, id);
    const envelope = { from: provider, type: 'forward', providerConfigKey, connectionId, payload };
    const body = stringify({ ...envelope, sequence: Number(sequence) }) ?? '';
    for (const url of urls) ids.push(await addDelivery(db, { ...common, connectionRow: id, url, body, sequence }));
  }
  if (told.connections.length === 0) {
    const body = stringify(payload) ?? '';
    const sequence = told.webhookId;
    for (const url of urlsOf(null))
      ids.push(await addDelivery(db, { ...common, connectionRow: null, url, body, sequence }));
  }
  return ids.filter((id) => id !== undefined);
}
