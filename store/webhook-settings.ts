/** Where an environment's application is told of what happened here, and of what it wants to hear. */
import { randomBytes } from 'node:crypto';
import { onlyRow, type Queryable } from './db.ts';
import type { SecretBox } from './secret-box.ts';

/** What an application hears of; names as in the facts of the REST API. */
const WEBHOOK_FLAGS = [
  'on_sync_completion_always',
  'on_sync_error',
  'on_auth_creation',
  'on_auth_refresh_error',
  'on_async_action_completion',
] as const;
export type WebhookFlag = (typeof WEBHOOK_FLAGS)[number];

export type WebhookSettings = {
  readonly primary_url: string | null;
  readonly secondary_url: string | null;
} & { readonly [flag in WebhookFlag]: boolean };

/** Completions without a change are not told of unless asked for; everything else is. */
export const DEFAULT_WEBHOOK_SETTINGS: WebhookSettings = {
  primary_url: null,
  secondary_url: null,
  on_sync_completion_always: false,
  on_sync_error: true,
  on_auth_creation: true,
  on_auth_refresh_error: true,
  on_async_action_completion: true,
};

const COLUMNS = `primary_url, secondary_url, on_sync_completion_always, on_sync_error, on_auth_creation,
  on_auth_refresh_error, on_async_action_completion`;

export async function webhookSettings(db: Queryable, environmentId: string): Promise<WebhookSettings | undefined> {
  const result = await db.query<WebhookSettings>({
    name: 'webhook-settings',
    text: `select ${COLUMNS} from webhook_settings where environment_id = $1::bigint`,
    values: [environmentId],
  });
  return result.rows[0];
}

/** Stores the settings. Answers the signing key when this call made it, the only time it is shown. */
export async function putWebhookSettings(
  db: Queryable,
  { box, at }: { readonly box: SecretBox; readonly at: Date },
  environmentId: string,
  settings: WebhookSettings,
): Promise<string | undefined> {
  const key = newSigningKey();
  const result = await db.query<{ made: boolean }>(
    `insert into webhook_settings (environment_id, signing_key, updated_at, ${COLUMNS})
     values ($1::bigint, $2::text, $3::timestamptz, $4::text, $5::text, $6::boolean, $7::boolean, $8::boolean,
       $9::boolean, $10::boolean)
     on conflict (environment_id) do update set (updated_at, ${COLUMNS}) =
       (excluded.updated_at, excluded.primary_url, excluded.secondary_url, excluded.on_sync_completion_always,
        excluded.on_sync_error, excluded.on_auth_creation, excluded.on_auth_refresh_error,
        excluded.on_async_action_completion)
     returning xmax = 0 as made`,
    [
      environmentId,
      box.seal(key),
      at,
      settings.primary_url,
      settings.secondary_url,
      ...WEBHOOK_FLAGS.map((flag) => settings[flag]),
    ],
  );
  return onlyRow(result, 'Webhook settings').made ? key : undefined;
}

/** A new signing key instead of the old one, or undefined where no webhooks are set up. */
export async function rotateSigningKey(
  db: Queryable,
  { box, at }: { readonly box: SecretBox; readonly at: Date },
  environmentId: string,
): Promise<string | undefined> {
  const key = newSigningKey();
  const result = await db.query(
    `update webhook_settings set signing_key = $2::text, updated_at = $3::timestamptz where environment_id = $1::bigint`,
    [environmentId, box.seal(key), at],
  );
  return result.rowCount === 1 ? key : undefined;
}

export async function signingKey(db: Queryable, box: SecretBox, environmentId: string): Promise<string | undefined> {
  const result = await db.query<{ sealed: string }>(
    `select signing_key as sealed from webhook_settings where environment_id = $1::bigint`,
    [environmentId],
  );
  const sealed = result.rows[0]?.sealed;
  return sealed === undefined ? undefined : box.open(sealed);
}

function newSigningKey(): string {
  return randomBytes(32).toString('hex');
}
