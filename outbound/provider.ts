/**
 * What one entry of a providers file may say: the grammar as a schema, written once and read two ways. Ours is strict: a
 * key that the grammar does not have is a mistake. An operator's file is read loosely: such a key is kept and warned of.
 */
import { z } from 'zod';

const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const texts = z.record(z.string(), text);
const words = z.array(text);
/** Any JSON whose texts are templates; numbers and booleans stay what they are. */
const tree = z.record(z.string(), z.json());
const names = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (typeof value === 'string' ? [value] : value));

export const AUTH_MODES = [
  'OAUTH1',
  'OAUTH2',
  'OAUTH2_CC',
  'API_KEY',
  'BASIC',
  'NONE',
  'APP',
  'CUSTOM',
  'JWT',
  'TWO_STEP',
  'SIGNATURE',
  'TBA',
  'BILL',
  'AWS_SIGV4',
  'INSTALL_PLUGIN',
  'MCP_OAUTH2',
  'MCP_OAUTH2_GENERIC',
] as const;

type ObjectOf = typeof z.strictObject;

function proxyGrammar(object: ObjectOf) {
  /** `at`: headers holding a moment; `after`: headers holding seconds; `remaining`: the header that is 0 when spent. */
  const retry = object({
    at: names.optional(),
    after: names.optional(),
    remaining: z.string().optional(),
    error_code: words.optional(),
    /** Where the body names the wait: `value` is a regular expression whose one group is the moment or the seconds. */
    in_body: object({ path: z.string(), value: z.string(), strategy: z.enum(['at', 'after']) }).optional(),
    /** Ours: whose calls the API counts, those of each connection or those of the app. @default connection */
    scope: z.enum(['connection', 'integration']).optional(),
  });
  /** Defaults of `nango.paginate`, under the options of the call. */
  const paginate = object({
    type: z.enum(['cursor', 'link', 'offset']),
    response_path: z.string().optional(),
    limit: z.number().optional(),
    limit_name_in_request: z.string().optional(),
    in_body: z.boolean().optional(),
    cursor_path_in_response: z.string().optional(),
    cursor_name_in_request: z.string().optional(),
    link_rel_in_response_header: z.string().optional(),
    link_path_in_response_body: z.string().optional(),
    offset_name_in_request: z.string().optional(),
    offset_start_value: z.number().optional(),
    offset_calculation_method: z.enum(['by-response-size', 'per-page']).optional(),
  });
  /** The call that shows whether credentials are good; the first endpoint that answers decides. */
  const verification = object({
    /** @default GET */
    method: z.string().optional(),
    endpoints: z.array(z.string()).optional(),
    /** The older spelling, for a single one. */
    endpoint: z.string().optional(),
    headers: texts.optional(),
    data: z.json().optional(),
    base_url_override: z.string().optional(),
  });
  return object({
    base_url: z.string().optional(),
    headers: texts.optional(),
    query: texts.optional(),
    /** Put under a script's own object body; a body of bytes and one of `/proxy` pass unchanged. */
    body: tree.optional(),
    retry: retry.optional(),
    decompress: z.boolean().optional(),
    forward_headers_on_redirect: z.boolean().optional(),
    paginate: paginate.optional(),
    verification: verification.optional(),
    connection_config: tree.optional(),
    /** Ours: paths to which a POST only reads (searches), as regular expressions. */
    read_only: z.array(z.string()).optional(),
    /** Ours: the header in which the API takes an idempotency key. */
    idempotency_header: z.string().optional(),
    /** Ours: the paths whose calls heed that key, as regular expressions. @default all of them */
    idempotency_paths: z.array(z.string()).optional(),
  });
}

/** Ours: how the provider signs its webhooks, and where they name the event and the account. */
function webhookGrammar(object: ObjectOf) {
  /** In a header, or in the payload at a path with dots. */
  const place = object({ header: z.string().optional(), body: z.string().optional() });
  return object({
    /** An HMAC in `header`: after `prefix`, or in the part of that name of `name=value,…`. */
    signature: object({
      header: z.string(),
      prefix: z.string().optional(),
      part: z.string().optional(),
      /** @default sha256 */
      algorithm: z.enum(['sha1', 'sha256', 'sha512']).optional(),
      /** @default hex */
      encoding: z.enum(['hex', 'base64']).optional(),
      /** Epoch seconds, in a header or in a part of the signature's. */
      timestamp: object({ header: z.string().optional(), part: z.string().optional() }).optional(),
      /** How far that time may be off. @default 300 */
      tolerance_s: z.number().optional(),
      /** What is signed, of `{timestamp}` and `{body}`. @default '{body}' */
      content: z.string().optional(),
      /** Which of the integration's credentials is the key. @default webhook_secret */
      secret: z.enum(['webhook_secret', 'client_secret']).optional(),
    }).optional(),
    event_id: place.optional(),
    event_type: place.optional(),
    /** What names the account (the group of `pattern`), and where connections have it: `connectionConfig.x`, `metadata.x`, `connectionId`. */
    accounts: z
      .array(
        object({
          header: z.string().optional(),
          body: z.string().optional(),
          pattern: z.string().optional(),
          connection: z.string(),
        }),
      )
      .optional(),
    /** Where a payload that only tries the address has the text it wants to hear. */
    challenge: z.string().optional(),
  });
}

/** What a person connecting is asked for: values of connection_config, of the credentials, or of the integration. */
function fieldGrammar(object: ObjectOf) {
  const field = object({
    type: z.string(),
    title: z.string().optional(),
    description: z.string().optional(),
    example: text.optional(),
    pattern: z.string().optional(),
    optional: z.boolean().optional(),
    format: z.string().optional(),
    order: z.number().optional(),
    /** Also taken where a connection has no value of its own. */
    default_value: text.optional(),
    hidden: z.boolean().optional(),
    prefix: z.string().optional(),
    suffix: z.string().optional(),
    doc_section: z.string().optional(),
    secret: z.boolean().optional(),
    /** Filled by the flow itself (from the callback, the token's answer, a script), never asked for. */
    automated: z.boolean().optional(),
    enum: words.optional(),
    warnings: z.json().optional(),
    visible_when: z.json().optional(),
  });
  return z.record(z.string(), field);
}

function authGrammar(object: ObjectOf) {
  const oauth2 = {
    authorization_url: z.string().optional(),
    authorization_url_skip_encode: words.optional(),
    authorization_url_skip_empty: z.boolean().optional(),
    authorization_url_fragment: z.string().optional(),
    authorization_url_replacements: texts.optional(),
    /** One URL, or one per auth mode of a provider that has several. */
    token_url: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
    token_url_skip_encode: words.optional(),
    authorization_params: texts.optional(),
    token_params: tree.optional(),
    refresh_params: tree.optional(),
    refresh_url: z.string().optional(),
    /** @default a space */
    scope_separator: z.string().optional(),
    default_scopes: words.optional(),
    available_scopes: words.optional(),
    body_format: z.enum(['form', 'json', 'query', 'xml']).optional(),
    authorization_method: z.enum(['body', 'header']).optional(),
    token_request_auth_method: z.enum(['basic', 'custom', 'private_key_jwt']).optional(),
    disable_pkce: z.boolean().optional(),
    alternate_access_token_response_path: z.string().optional(),
    expires_in_unit: z.enum(['seconds', 'milliseconds']).optional(),
    /** Seconds before its expiry at which a token is renewed. */
    token_expiration_buffer: z.number().optional(),
    authorization_code_param_in_callback: z.string().optional(),
    /** Values of the callback, the token's answer and webhooks that are kept in connection_config. */
    redirect_uri_metadata: words.optional(),
    token_response_metadata: words.optional(),
    webhook_response_metadata: words.optional(),
  };
  const oauth1 = {
    request_url: z.string().optional(),
    request_params: texts.optional(),
    request_http_method: z.string().optional(),
    token_http_method: z.string().optional(),
    signature_method: z.enum(['HMAC-SHA1', 'HMAC-SHA256', 'RSA-SHA1', 'PLAINTEXT']).optional(),
  };
  const step = {
    token_headers: texts.optional(),
    token_request_method: z.string().optional(),
    body_format: oauth2.body_format,
  };
  const madeTokens = {
    ...step,
    signature: object({ protocol: z.string().optional(), hmac_secret_encoding: z.string().optional() }).optional(),
    token: object({
      signing_key: z.string().optional(),
      expires_in_ms: z.number().optional(),
      header: tree.optional(),
      payload: tree.optional(),
    }).optional(),
    token_response: object({
      token: z.string().optional(),
      token_expiration: z.string().optional(),
      token_expiration_strategy: z.enum(['expireAt', 'expireIn']).optional(),
      refresh_token: z.string().optional(),
    }).optional(),
    token_response_headers: z.json().optional(),
    additional_steps: z
      .array(object({ ...step, token_url: z.string().optional(), token_params: tree.optional() }))
      .optional(),
    refresh_token_params: tree.optional(),
    refresh_token_headers: texts.optional(),
    token_expires_in_ms: z.number().optional(),
    proxy_header_authorization: z.string().optional(),
    assertion: z.json().optional(),
    assertion_option: z.json().optional(),
  };
  const mcp = {
    client_registration: z.enum(['dynamic', 'static', 'cimd']).optional(),
    registration_url: z.string().optional(),
    registration_params: tree.optional(),
  };
  return { ...oauth2, ...oauth1, ...madeTokens, ...mcp };
}

function providerGrammar(object: ObjectOf) {
  const fields = fieldGrammar(object);
  return object({
    display_name: z.string().optional(),
    categories: z.array(z.string()).optional(),
    auth_mode: z.enum(AUTH_MODES),
    docs: z.string().optional(),
    docs_connect: z.string().optional(),
    setup_guide_url: z.string().optional(),
    installation: z.string().optional(),
    ...authGrammar(object),
    connection_config: fields.optional(),
    credentials: fields.optional(),
    integration_config: fields.optional(),
    /** The older spelling: the names alone. */
    connection_configuration: words.optional(),
    /** Names of the incumbent's own scripts; what they do is here an author's on-event script, or `webhook` of the entry. */
    post_connection_script: z.string().optional(),
    pre_connection_deletion_script: z.string().optional(),
    credentials_verification_script: z.string().optional(),
    webhook_routing_script: z.string().optional(),
    webhook_user_defined_secret: z.boolean().optional(),
    webhook_allowed_query_params: words.optional(),
    require_client_certificate: z.boolean().optional(),
    proxy: proxyGrammar(object).optional(),
    webhook: webhookGrammar(object).optional(),
  });
}

/** The grammar as our own catalogue has to keep it. */
export const strictProviderSchema = providerGrammar(z.strictObject);
/** The same with unknown keys kept. The two differ in nothing else, so they share the strict one's type. */
export const providerSchema = providerGrammar(z.looseObject as unknown as ObjectOf);

export type AuthMode = (typeof AUTH_MODES)[number];
export type Provider = { readonly name: string } & Readonly<z.infer<typeof strictProviderSchema>>;
export type ProviderProxy = NonNullable<Provider['proxy']>;
export type ProviderRetry = NonNullable<ProviderProxy['retry']>;
