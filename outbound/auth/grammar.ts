/** The keys of a provider's entry that say how its tokens are got. Names as in the public grammar of such entries. */
import { z } from 'zod';
import { EngineError } from '../../contract/failures.ts';
import type { AuthMode, Provider } from '../provider.ts';

const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const texts = z.record(z.string(), text).default({});
const names = z.array(z.string()).default([]);

const grammar = z.looseObject({
  authorization_url: z.string().optional(),
  /** Parameters of `authorization_url` that are put in as they are written. */
  authorization_url_skip_encode: names,
  /** Parameters without a value are left out of `authorization_url`. */
  authorization_url_skip_empty: z.boolean().default(false),
  authorization_url_fragment: z.string().optional(),
  /** What is put in place of a text in the finished `authorization_url`. */
  authorization_url_replacements: texts,
  token_url: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
  refresh_url: z.string().optional(),
  authorization_params: texts,
  token_params: z.record(z.string(), z.unknown()).default({}),
  refresh_params: texts,
  scope_separator: z.string().default(' '),
  default_scopes: names,
  disable_pkce: z.boolean().default(false),
  body_format: z.string().default('form'),
  authorization_method: z.string().optional(),
  token_request_auth_method: z.string().optional(),
  authorization_code_param_in_callback: z.string().default('code'),
  alternate_access_token_response_path: z.string().optional(),
  expires_in_unit: z.string().optional(),
  /** Seconds before its end from which a token is replaced. */
  token_expiration_buffer: z.coerce.number().nonnegative().optional(),
  token_expires_in_ms: z.coerce.number().positive().optional(),
  redirect_uri_metadata: names,
  token_response_metadata: names,
  token: z
    .looseObject({
      signing_key: z.string().optional(),
      expires_in_ms: z.coerce.number().positive().optional(),
      header: texts,
      payload: z.record(z.string(), z.unknown()).default({}),
    })
    .optional(),
  token_headers: texts,
  token_request_method: z.string().default('POST'),
  /** Headers of a token answer that count as if they were in its body. */
  token_response_headers: names.catch([]),
  /** How a token is asked for with the refresh token of the one before; without them everything is done again. */
  refresh_token_params: z.record(z.string(), z.unknown()).default({}),
  refresh_token_headers: texts,
  token_response: z
    .looseObject({
      token: z.string(),
      token_expiration: z.string().optional(),
      token_expiration_strategy: z.enum(['expireAt', 'expireIn']).default('expireIn'),
      refresh_token: z.string().optional(),
    })
    .optional(),
  additional_steps: z
    .array(
      z.looseObject({
        token_url: z.string().optional(),
        token_params: z.record(z.string(), z.unknown()).default({}),
        token_headers: texts,
        token_request_method: z.string().default('POST'),
        body_format: z.string().optional(),
      }),
    )
    .default([]),
  signature: z.looseObject({ protocol: z.string(), hmac_secret_encoding: z.string().optional() }).optional(),
  /** How an authorization server learns of us where nobody registers an app by hand. */
  client_registration: z.enum(['dynamic', 'static', 'cimd']).optional(),
  registration_url: z.string().optional(),
  registration_params: z.record(z.string(), z.unknown()).default({}),
  request_url: z.string().optional(),
  request_params: texts,
  request_http_method: z.string().default('POST'),
  token_http_method: z.string().default('POST'),
  signature_method: z.enum(['HMAC-SHA1', 'HMAC-SHA256', 'RSA-SHA1', 'PLAINTEXT']).optional(),
});

export type AuthGrammar = z.output<typeof grammar>;

/** What an entry of a server that is only known once it is named need not say: a connection has it once it was discovered. */
// biome-ignore-start lint/suspicious/noTemplateCurlyInString: as provider files write their values
const DISCOVERED = {
  authorization_url: '${connectionConfig.authorization_url}',
  token_url: '${connectionConfig.token_url}',
  registration_url: '${connectionConfig.registration_url}',
  client_registration: 'dynamic',
} as const;
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: see above

const read = new WeakMap<Provider, AuthGrammar>();

/** @throws EngineError `configuration_invalid` for an entry whose keys have other types than the grammar's. */
export function authGrammar(provider: Provider): AuthGrammar {
  const known = read.get(provider);
  if (known !== undefined) return known;
  const parsed = grammar.safeParse(provider);
  if (!parsed.success) {
    const mistakes = parsed.error.issues.map((issue) => `'${issue.path.join('.')}': ${issue.message}`);
    throw new EngineError(
      'configuration_invalid',
      `Provider '${provider.name}' cannot be used: ${mistakes.join('; ')}.`,
    );
  }
  const complete = provider.auth_mode === 'MCP_OAUTH2_GENERIC' ? { ...DISCOVERED, ...parsed.data } : parsed.data;
  read.set(provider, complete);
  return complete;
}

/** Where tokens of that mode are asked for. @throws EngineError `configuration_invalid` when the entry does not say. */
export function tokenUrl(provider: Provider, mode: AuthMode = provider.auth_mode): string {
  const { token_url: url } = authGrammar(provider);
  const found = typeof url === 'string' ? url : url?.[mode];
  if (found !== undefined) return found;
  throw new EngineError(
    'configuration_invalid',
    `Provider '${provider.name}' (${mode}) has no token_url: expected one in its entry.`,
  );
}
