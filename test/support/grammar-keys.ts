/**
 * Every key that the public grammar of providers files has, by dotted path, and where it is shown what it does here. The
 * fields of `connection_config`, `credentials` and `integration_config` are one group, `fields`.
 */

/** Loaded and shown by `GET /providers`, and what that means. */
export const KEPT = {
  display_name: 'how the connect page names it',
  categories: 'what a search finds',
  docs: 'a link for people',
  docs_connect: 'a link for people',
  setup_guide_url: 'a link for people',
  installation: 'connections begin here, not in the marketplace of the provider',
  available_scopes: 'for whoever builds a form',
  assertion: 'no mode makes assertions of this kind',
  assertion_option: 'what a person chose is filled in where a template names it',
  'fields.type': 'for forms: all are texts',
  'fields.description': 'for forms',
  'fields.order': 'for forms',
  'fields.hidden': 'for forms',
  'fields.doc_section': 'for forms',
  'fields.secret': 'for forms',
  'fields.warnings': 'for forms',
  'proxy.connection_config': 'headers and query may hold values of the connection_config anyway',
  post_connection_script: "an author's on-event script does it",
  pre_connection_deletion_script: "an author's on-event script does it",
  credentials_verification_script: '`proxy.verification`, or a validate-connection script, does it',
  webhook_routing_script: '`webhook` of the entry does it',
  webhook_user_defined_secret: 'every integration may have a webhook_secret',
  webhook_allowed_query_params: 'the address of webhooks takes any query',
} as const;

/** Shown by test/outbound/grammar-oauth2.test.ts. */
export const OF_OAUTH2 = [
  'auth_mode',
  'authorization_url',
  'authorization_url_skip_encode',
  'authorization_url_skip_empty',
  'authorization_url_fragment',
  'authorization_url_replacements',
  'token_url',
  'token_url_skip_encode',
  'authorization_params',
  'token_params',
  'refresh_params',
  'refresh_url',
  'scope_separator',
  'default_scopes',
  'body_format',
  'authorization_method',
  'token_request_auth_method',
  'disable_pkce',
  'alternate_access_token_response_path',
  'expires_in_unit',
  'token_expiration_buffer',
  'authorization_code_param_in_callback',
  'token_response_metadata',
  'token_headers',
  'token_expires_in_ms',
  'registration_url',
  'registration_params',
] as const;

/** Shown by test/outbound/grammar-modes.test.ts. */
export const OF_OTHER_MODES = [
  'request_url',
  'request_params',
  'request_http_method',
  'token_http_method',
  'signature_method',
  'signature',
  'signature.protocol',
  'signature.hmac_secret_encoding',
  'token',
  'token.signing_key',
  'token.expires_in_ms',
  'token.header',
  'token.payload',
  'token_request_method',
  'token_response',
  'token_response.token',
  'token_response.token_expiration',
  'token_response.token_expiration_strategy',
  'token_response.refresh_token',
  'token_response_headers',
  'additional_steps',
  'additional_steps.token_url',
  'additional_steps.token_params',
  'additional_steps.token_headers',
  'additional_steps.token_request_method',
  'additional_steps.body_format',
  'refresh_token_params',
  'refresh_token_headers',
] as const;

/** Shown by test/outbound/grammar-calls.test.ts. */
export const OF_CALLS = [
  'connection_config',
  'credentials',
  'integration_config',
  'connection_configuration',
  'fields.title',
  'fields.example',
  'fields.pattern',
  'fields.optional',
  'fields.format',
  'fields.default_value',
  'fields.prefix',
  'fields.suffix',
  'fields.automated',
  'fields.enum',
  'fields.visible_when',
  'proxy_header_authorization',
  'require_client_certificate',
  'proxy',
  'proxy.base_url',
  'proxy.headers',
  'proxy.query',
  'proxy.body',
  'proxy.retry',
  'proxy.retry.at',
  'proxy.retry.after',
  'proxy.retry.remaining',
  'proxy.retry.error_code',
  'proxy.retry.in_body',
  'proxy.retry.in_body.path',
  'proxy.retry.in_body.value',
  'proxy.retry.in_body.strategy',
  'proxy.decompress',
  'proxy.forward_headers_on_redirect',
  'proxy.paginate',
  'proxy.paginate.type',
  'proxy.paginate.response_path',
  'proxy.paginate.limit',
  'proxy.paginate.limit_name_in_request',
  'proxy.paginate.in_body',
  'proxy.paginate.cursor_path_in_response',
  'proxy.paginate.cursor_name_in_request',
  'proxy.paginate.link_rel_in_response_header',
  'proxy.paginate.link_path_in_response_body',
  'proxy.paginate.offset_name_in_request',
  'proxy.paginate.offset_start_value',
  'proxy.paginate.offset_calculation_method',
  'proxy.verification',
  'proxy.verification.method',
  'proxy.verification.endpoint',
  'proxy.verification.endpoints',
  'proxy.verification.headers',
  'proxy.verification.data',
  'proxy.verification.base_url_override',
] as const;

/** Shown by test/api/grammar-keys.test.ts. */
export const OF_THE_API = ['redirect_uri_metadata', 'webhook_response_metadata', 'client_registration'] as const;

/** Keys that only our own grammar has. */
export const OURS = /^(webhook(\.|$)|proxy\.(retry\.scope|read_only|idempotency_(header|paths))$)/;

/** The dotted keys that a JSON schema allows, names of records left out, each once. */
export function keysOf(schema: unknown, prefix = ''): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties = {}, additionalProperties, items, anyOf = [] } = schema as Record<string, object>;
  const own = Object.entries(properties).flatMap(([key, inner]) => [
    prefix + key,
    ...keysOf(inner, `${prefix}${key}.`),
  ]);
  const inner = [additionalProperties, items, ...Object.values(anyOf)].flatMap((one) => keysOf(one, prefix));
  return [...new Set([...own, ...inner])];
}
