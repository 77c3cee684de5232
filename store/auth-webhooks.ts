/** Telling an application of its connections: written in the transaction of what happened, sent by the outbox. */
import stringify from 'safe-stable-stringify';
import type { EndUser } from './connections.ts';
import { onlyRow, type Queryable } from './db.ts';
import { addDelivery, nextSequence } from './webhook-deliveries.ts';
import { webhookSettings } from './webhook-settings.ts';

export type AuthEvent = {
  readonly connectionRow: string;
  /** `override`: a connection that was there has been signed in again. */
  readonly operation: 'creation' | 'override' | 'refresh';
  readonly authMode: string;
  /** Absent for what went well. */
  readonly error?: { readonly type: string; readonly description: string };
  readonly at: Date;
};

type Told = {
  readonly environmentId: string;
  readonly environment: string;
  readonly connectionId: string;
  readonly providerConfigKey: string;
  readonly provider: string;
  readonly endUser: EndUser | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly override: string | null;
};

/**
 * Writes the deliveries of an event and answers their ids: none when the application does not want to hear of it or has
 * named no address. The connection's own address replaces those of its environment.
 */
export async function announceAuth(db: Queryable, event: AuthEvent): Promise<string[]> {
  const found = await db.query<Told>(
    `select c.environment_id::text as "environmentId", e.name as environment, c.connection_id as "connectionId",
       i.unique_key as "providerConfigKey", i.provider, c.end_user as "endUser", c.tags,
       c.webhook_url_override as override
     from connections c join integrations i on i.id = c.integration_id join environments e on e.id = c.environment_id
     where c.id = $1::bigint`,
    [event.connectionRow],
  );
  const told = onlyRow(found, 'announceAuth');
  const settings = await webhookSettings(db, told.environmentId);
  if (settings === undefined) return [];
  const wanted = event.operation === 'refresh' ? settings.on_auth_refresh_error : settings.on_auth_creation;
  const own = told.override === null ? [settings.primary_url, settings.secondary_url] : [told.override];
  const urls = new Set(own.filter((url) => url !== null));
  if (!wanted || urls.size === 0) return [];
  const sequence = await nextSequence(db, event.connectionRow);
  const common = {
    environmentId: told.environmentId,
    connectionRow: event.connectionRow,
    runId: null,
    subject: event.operation,
    type: 'auth',
    body: bodyOf(told, event, sequence),
    sequence,
    at: event.at,
  };
  const ids: (string | undefined)[] = [];
  for (const url of urls) ids.push(await addDelivery(db, { ...common, url }));
  return ids.filter((id) => id !== undefined);
}

/** The shape of nango-surface section 7.5 with a `sequence` added, keys sorted. */
function bodyOf(told: Told, { operation, authMode, error }: AuthEvent, sequence: string): string {
  const { connectionId, providerConfigKey, provider, environment, tags, endUser } = told;
  const about = {
    from: 'nango',
    type: 'auth',
    operation,
    connectionId,
    providerConfigKey,
    provider,
    authMode,
    environment,
  };
  return (
    stringify({
      ...about,
      success: error === undefined,
      tags,
      ...(endUser !== null && {
        endUser: {
          endUserId: endUser.id,
          organizationId: endUser.organization?.id,
          endUserEmail: endUser.email ?? undefined,
          tags: endUser.tags ?? {},
        },
      }),
      ...(error !== undefined && { error }),
      sequence: Number(sequence),
    }) ?? ''
  );
}
