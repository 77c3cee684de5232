import { z } from 'zod';
import { EngineError } from '../contract/failures.ts';
import type { Granted } from '../contract/credentials.ts';
import { granted } from '../outbound/auth/applicant.ts';
import { endOfJwt } from '../outbound/auth/token-response.ts';
import type { Provider } from '../outbound/provider.ts';
import { faultsOf, invalidPart } from './invalid.ts';

const secret = z.string({ error: 'expected a text' }).min(1, 'expected a text that is not empty');
const expiry = z
  .union([z.iso.datetime({ offset: true }), z.null()], { error: 'expected an ISO time such as 2026-01-31T12:00:00Z' })
  .optional();
const jsonRecord = z.record(z.string(), z.unknown());

/** What a connection of each auth mode carries; `type` may be left out. Other modes come with their sign-in flows. */
const SHAPES = {
  API_KEY: z.strictObject({ type: z.literal('API_KEY'), apiKey: secret }),
  BASIC: z.strictObject({ type: z.literal('BASIC'), username: z.string(), password: z.string().default('') }),
  OAUTH2: z.strictObject({
    type: z.literal('OAUTH2'),
    access_token: secret,
    refresh_token: secret.optional(),
    expires_at: expiry,
    raw: jsonRecord.default({}),
  }),
  OAUTH2_CC: z.strictObject({
    type: z.literal('OAUTH2_CC'),
    token: secret,
    expires_at: expiry,
    client_id: secret.optional(),
    client_secret: secret.optional(),
  }),
  NONE: z.strictObject({ type: z.literal('NONE') }),
} as const;

/**
 * The credentials of a new connection, checked against its provider's auth mode.
 * @throws EngineError `invalid_body` with every mistake; the values are never part of a message.
 */
export function checkCredentials(
  provider: Provider,
  given: Readonly<Record<string, unknown>> | undefined,
): Record<string, unknown> {
  const mode = provider.auth_mode;
  if (!isSupported(mode)) {
    throw new EngineError(
      'invalid_body',
      `Provider '${provider.name}' signs in by ${mode}: connections can so far be made for ${Object.keys(SHAPES).join(', ')}.`,
    );
  }
  const parsed = SHAPES[mode].safeParse(withType(mode, given));
  if (parsed.success) return parsed.data;
  throw invalidPart('invalid_body', 'body', faultsOf(parsed.error, ['credentials']));
}

/** Credentials that somebody brings along, with the end they name; without one, that of a token which is a JWT. */
export function grantedBy(credentials: Readonly<Record<string, unknown>>, now: Date): Granted {
  const named = credentials['expires_at'];
  const token = credentials['access_token'] ?? credentials['token'];
  const expiresAt = typeof named === 'string' ? new Date(named) : typeof token === 'string' ? endOfJwt(token) : null;
  return granted(credentials, { expiresAt, now, bufferSeconds: undefined });
}

function isSupported(mode: string): mode is keyof typeof SHAPES {
  return Object.hasOwn(SHAPES, mode);
}

// The published client spells the key both ways.
function withType(mode: string, given: Readonly<Record<string, unknown>> | undefined): Record<string, unknown> {
  const { api_key: apiKey, ...rest } = given ?? {};
  return { type: mode, ...(apiKey !== undefined && { apiKey }), ...rest };
}
