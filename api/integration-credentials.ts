import { z } from 'zod';
import type { Provider } from '../outbound/provider.ts';
import { faultsOf, invalidPart } from './invalid.ts';

const text = z.string({ error: 'expected a text' }).optional();
const number = z.union([z.string(), z.number().transform(String)], { error: 'expected a text' }).optional();
const list = z
  .union([z.string(), z.array(z.string()).transform((all) => all.join(','))], { error: 'expected a text or a list' })
  .optional();

/** What every auth mode's app is known by; the incumbent's clients send the same names for all of them. */
const APP = z.looseObject({
  client_id: text,
  client_secret: text,
  scopes: list,
  webhook_secret: text,
  app_id: number,
  app_link: text,
  private_key: text,
});

/**
 * The credentials of an integration, checked against its provider's auth mode; `type` may be left out. Names that are not
 * ours are kept. @throws EngineError `invalid_body` with every mistake; the values are never part of a message.
 */
export function checkIntegrationCredentials(
  provider: Provider,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const { name, auth_mode: mode } = provider;
  const error = `expected '${mode}', which provider '${name}' signs in by`;
  const parsed = APP.extend({ type: z.literal(mode, { error }).optional() }).safeParse(given);
  if (parsed.success) return parsed.data;
  throw invalidPart('invalid_body', 'body', faultsOf(parsed.error, ['credentials']));
}
