import { z } from 'zod';
import { freeText, integrationKey, jsonObject, knownName } from './schemas.ts';

const label = freeText.max(255);

/** Up to 64 short texts; names as products use them for billing plans, regions and the like. */
export const tags = z
  .record(z.string().min(1).max(64), z.union([label, z.number(), z.boolean()]).transform(String))
  .refine((all) => Object.keys(all).length <= 64, 'expected at most 64 tags');

export const endUser = z.strictObject({
  id: knownName,
  email: label.nullish(),
  display_name: label.nullish(),
  tags: tags.optional(),
});
export const organization = z.strictObject({ id: knownName, display_name: label.nullish() });

/** A URL that webhooks of this connection go to instead of the environment's. */
export const webhookUrl = z.url({ protocol: /^https?$/, error: 'expected an http or https URL' }).max(2_000);

const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const defaults = z.strictObject({
  user_scopes: z.string().optional(),
  authorization_params: z.record(z.string(), scalar).optional(),
  connection_config: jsonObject.optional(),
});

/** What a product says when it opens a connect session; kept with the session as it is. */
export const SESSION_WISHES = z.strictObject({
  end_user: endUser.optional(),
  organization: organization.optional(),
  allowed_integrations: z.array(integrationKey).min(1).max(200).optional(),
  integrations_config_defaults: z.record(z.string(), defaults).default({}),
  overrides: z.record(z.string(), z.strictObject({ docs_connect: z.string().optional() })).default({}),
  tags: tags.optional(),
  webhook_url_override: webhookUrl.nullish(),
});
