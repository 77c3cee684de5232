import { z } from 'zod';
import { EngineError } from '../contract/failures.ts';
import type { Granted } from '../contract/credentials.ts';
import { granted } from '../outbound/auth/applicant.ts';
import { certificateFaults } from '../outbound/client-certificate.ts';
import { checkCredentialFields } from '../outbound/auth/connection-config.ts';
import { endOfJwt } from '../outbound/auth/token-response.ts';
import type { Provider } from '../outbound/provider.ts';
import { faultsOf, invalidPart } from './invalid.ts';

const secret = z.string({ error: 'expected a text' }).min(1, 'expected a text that is not empty');
const expiry = z
  .union([z.iso.datetime({ offset: true }), z.null()], { error: 'expected an ISO time such as 2026-01-31T12:00:00Z' })
  .optional();
const jsonRecord = z.record(z.string(), z.unknown());

const TOKENS = {
  access_token: secret,
  refresh_token: secret.optional(),
  expires_at: expiry,
  raw: jsonRecord.default({}),
};
/** Of a client that registered itself for this connection. */
const OWN_CLIENT = { client_id: secret.optional(), client_secret: secret.optional() };

/** What a connection of each auth mode carries; `type` may be left out. Other modes come with their sign-in flows. */
const SHAPES = {
  API_KEY: z.strictObject({ type: z.literal('API_KEY'), apiKey: secret }),
  BASIC: z.strictObject({ type: z.literal('BASIC'), username: z.string(), password: z.string().default('') }),
  OAUTH2: z.strictObject({ type: z.literal('OAUTH2'), ...TOKENS }),
  MCP_OAUTH2: z.strictObject({ type: z.enum(['MCP_OAUTH2', 'OAUTH2']), ...OWN_CLIENT, ...TOKENS }),
  MCP_OAUTH2_GENERIC: z.strictObject({ type: z.enum(['MCP_OAUTH2_GENERIC', 'OAUTH2']), ...OWN_CLIENT, ...TOKENS }),
  OAUTH2_CC: z
    .strictObject({
      type: z.literal('OAUTH2_CC'),
      client_id: secret.optional(),
      client_secret: secret.optional(),
      client_certificate: secret.optional(),
      client_private_key: secret.optional(),
      scopes: z.union([z.string(), z.array(z.string()).transform((all) => all.join(' '))]).optional(),
      token: secret.optional(),
      expires_at: expiry,
    })
    .refine((given) => given.client_id !== undefined || given.token !== undefined, {
      error: 'is missing: expected client_id and client_secret, or a token',
      path: ['client_id'],
    }),
  OAUTH1: z.strictObject({
    type: z.literal('OAUTH1'),
    oauth_token: secret,
    oauth_token_secret: secret,
    raw: jsonRecord.default({}),
  }),
  TBA: z.strictObject({
    type: z.literal('TBA'),
    token_id: secret,
    token_secret: secret,
    config_override: z.strictObject({ client_id: secret.optional(), client_secret: secret.optional() }).default({}),
  }),
  SIGNATURE: z.strictObject({ type: z.literal('SIGNATURE'), username: secret, password: secret }),
  AWS_SIGV4: z
    .strictObject({
      type: z.literal('AWS_SIGV4'),
      access_key_id: secret.optional(),
      secret_access_key: secret.optional(),
      session_token: secret.optional(),
      role_arn: secret.optional(),
      external_id: secret.optional(),
      region: secret.optional(),
      service: secret.optional(),
    })
    .refine((given) => given.role_arn !== undefined || (given.access_key_id && given.secret_access_key), {
      error: 'is missing: expected access_key_id and secret_access_key, or role_arn',
      path: ['access_key_id'],
    }),
  BILL: z.strictObject({
    type: z.literal('BILL'),
    username: secret,
    password: secret,
    organization_id: secret,
    dev_key: secret,
  }),
  // What these ask for is up to the provider's entry.
  JWT: z.looseObject({ type: z.literal('JWT') }),
  TWO_STEP: z.looseObject({ type: z.literal('TWO_STEP') }),
  APP: z.looseObject({ type: z.literal('APP') }),
  CUSTOM: z.looseObject({ type: z.literal('CUSTOM') }),
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
  const wantsCertificate = provider.require_client_certificate === true;
  if (wantsCertificate && mode !== 'OAUTH2_CC') {
    throw new EngineError(
      'invalid_body',
      `Provider '${provider.name}' wants calls under a TLS certificate of the client, which is supported for OAUTH2_CC, not for ${mode}.`,
    );
  }
  const parsed = SHAPES[mode].safeParse(withType(mode, given));
  if (parsed.success) {
    const faults = wantsCertificate ? certificateFaults(parsed.data) : [];
    if (faults.length === 0) return withFields(provider, parsed.data);
    const placed = faults.map(({ field, message }) => ({ code: 'custom', path: ['credentials', field], message }));
    throw invalidPart('invalid_body', 'body', placed);
  }
  throw invalidPart('invalid_body', 'body', faultsOf(parsed.error, ['credentials']));
}

/** Credentials that somebody brings along, with the end they name; without one, that of a token which is a JWT. */
export function grantedBy(credentials: Readonly<Record<string, unknown>>, now: Date): Granted {
  const named = credentials['expires_at'];
  const token = credentials['access_token'] ?? credentials['token'];
  const expiresAt = typeof named === 'string' ? new Date(named) : typeof token === 'string' ? endOfJwt(token) : null;
  return granted(credentials, { expiresAt, now, bufferSeconds: undefined });
}

function withFields(provider: Provider, given: Record<string, unknown>): Record<string, unknown> {
  const { type, ...inputs } = given;
  const { config, faults } = checkCredentialFields(provider, inputs);
  // Tokens and what came with them may be imported under names that no form asks for.
  if (faults.length > 0 && !('token' in inputs)) throw invalidPart('invalid_body', 'body', faults);
  return { type, ...config };
}

function isSupported(mode: string): mode is keyof typeof SHAPES {
  return Object.hasOwn(SHAPES, mode);
}

// The published client spells the key both ways.
function withType(mode: string, given: Readonly<Record<string, unknown>> | undefined): Record<string, unknown> {
  const { api_key: apiKey, ...rest } = given ?? {};
  return { type: mode, ...(apiKey !== undefined && { apiKey }), ...rest };
}
