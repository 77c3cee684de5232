/**
 * The one table of failures: code → HTTP status, and whether trying the same again may help.
 * Codes are the public ones of the REST API; a code is added only when somebody handles it differently.
 */
export const FAILURES = {
  // The caller's mistakes
  invalid_body: { status: 400, retry: false },
  invalid_query_params: { status: 400, retry: false },
  invalid_headers: { status: 400, retry: false },
  invalid_uri_params: { status: 400, retry: false },
  invalid_integration_name: { status: 400, retry: false },
  missing_auth_header: { status: 401, retry: false },
  malformed_auth_header: { status: 401, retry: false },
  unknown_account: { status: 401, retry: false },
  forbidden: { status: 403, retry: false },
  not_found: { status: 404, retry: false },
  unknown_connection: { status: 404, retry: false },
  unknown_provider_config: { status: 404, retry: false },
  unknown_provider: { status: 400, retry: false },
  unknown_sync: { status: 404, retry: false },
  unknown_action: { status: 404, retry: false },
  unknown_model: { status: 404, retry: false },
  unknown_run: { status: 404, retry: false },
  journal_gone: { status: 410, retry: false },
  conflict: { status: 409, retry: false },
  // Signing in
  invalid_session: { status: 401, retry: false },
  invalid_state: { status: 400, retry: false },
  authorization_denied: { status: 400, retry: false },
  webhook_refused: { status: 401, retry: false },
  connection_validation_failed: { status: 400, retry: false },
  integration_incomplete: { status: 400, retry: false },
  integration_not_allowed: { status: 403, retry: false },
  /** The provider gives no token for this grant. */
  grant_refused: { status: 400, retry: false },
  /** The provider does not take the integration's own client. */
  client_refused: { status: 400, retry: false },
  /** No 5xx: a person reads the answer in the browser, and gateways put pages of their own in place of those. */
  token_endpoint_failed: { status: 424, retry: true },
  /** The connection's token ended and could not be replaced for now. */
  refresh_failed: { status: 502, retry: true },
  /** The person has to sign in again. */
  connection_unauthorized: { status: 424, retry: false },
  invalid_variant: { status: 400, retry: false },
  sync_variant_already_exists: { status: 400, retry: false },
  ambiguous_function: { status: 400, retry: false },
  resource_capped: { status: 400, retry: false },
  idempotency_key_reused: { status: 409, retry: false },
  concurrent_deployment: { status: 409, retry: true },
  payload_too_large: { status: 413, retry: false },
  too_many_requests: { status: 429, retry: true },
  // The author's mistakes
  manifest_invalid: { status: 400, retry: false },
  compile_failed: { status: 400, retry: false },
  script_failed: { status: 424, retry: false },
  action_failed: { status: 424, retry: false },
  script_aborted: { status: 410, retry: false },
  script_timed_out: { status: 424, retry: false },
  script_out_of_memory: { status: 424, retry: false },
  script_limit_exceeded: { status: 424, retry: false },
  record_invalid: { status: 424, retry: false },
  checkpoint_invalid: { status: 424, retry: false },
  call_in_doubt: { status: 424, retry: false },
  script_diverged: { status: 424, retry: false },
  // Other people's APIs
  upstream_unreachable: { status: 502, retry: true },
  upstream_refused: { status: 400, retry: false },
  // Our own parts
  runner_lost: { status: 500, retry: true },
  store_unavailable: { status: 503, retry: true },
  engine_unavailable: { status: 503, retry: true },
  lease_lost: { status: 409, retry: false },
  journal_damaged: { status: 500, retry: false },
  configuration_invalid: { status: 500, retry: false },
  internal: { status: 500, retry: false },
} as const satisfies Record<string, { status: number; retry: boolean }>;

export type FailureCode = keyof typeof FAILURES;

/** Where in the author's script something went wrong; lines and columns count from 1. */
export type ScriptLocation = { readonly file: string; readonly line: number; readonly column: number };

/** One mistake in what a caller sent; `path` leads to it from the top of the body, the query or the headers. */
export type InputFault = {
  readonly code: string;
  readonly message: string;
  readonly path: readonly (string | number)[];
};

export type FailureDetails = {
  readonly location?: ScriptLocation;
  /** The last host calls of a script and their answers, one line each: `GET /tasks → 200`. */
  readonly lastCalls?: readonly string[];
  /** What the author or the upstream attached; JSON-safe and free of secrets. */
  readonly payload?: unknown;
  /** Several mistakes found at once, one line each. */
  readonly mistakes?: readonly string[];
  /** The same, where they are a caller's and each has a place. */
  readonly faults?: readonly InputFault[];
  /** Seconds after which the same call may succeed. */
  readonly retryAfterS?: number;
};

/** The only error class of the engine. Branch on `code`, never on `instanceof` (realms differ) nor on the message. */
export class EngineError extends Error {
  readonly code: FailureCode;
  readonly details: FailureDetails;

  constructor(code: FailureCode, message: string, options: { cause?: unknown; details?: FailureDetails } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'EngineError';
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** The failure code an unknown thrown value carries, or undefined for one that is not ours. */
export function failureCode(thrown: unknown): FailureCode | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  const code = thrown.code;
  return typeof code === 'string' && Object.hasOwn(FAILURES, code) ? (code as FailureCode) : undefined;
}
