/** What one entry of a providers file says, as far as the engine uses it; the rest of the grammar is kept as it stands. */
import { z } from 'zod';

const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const names = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (typeof value === 'string' ? [value] : value));

/** `at`: headers holding a moment; `after`: headers holding seconds to wait; `remaining`: header that is 0 when spent. */
const retrySchema = z.looseObject({
  at: names.optional(),
  after: names.optional(),
  remaining: z.string().optional(),
  error_code: z.array(text).optional(),
});

const proxySchema = z.looseObject({
  base_url: z.string().optional(),
  headers: z.record(z.string(), text).optional(),
  query: z.record(z.string(), text).optional(),
  retry: retrySchema.optional(),
  decompress: z.boolean().optional(),
  forward_headers_on_redirect: z.boolean().optional(),
  paginate: z.looseObject({}).optional(),
  /** Ours: paths that only read although their method does not say so (searches), as regular expressions. */
  read_only: z.array(z.string()).optional(),
  /** Ours: the header in which the API takes an idempotency key. */
  idempotency_header: z.string().optional(),
});

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

export const providerSchema = z.looseObject({
  display_name: z.string().optional(),
  categories: z.array(z.string()).optional(),
  docs: z.string().optional(),
  auth_mode: z.enum(AUTH_MODES),
  authorization_url: z.string().optional(),
  token_url: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
  authorization_params: z.record(z.string(), text).optional(),
  /** Texts, except for TWO_STEP, whose requests may be of any shape. */
  token_params: z.record(z.string(), z.unknown()).optional(),
  refresh_params: z.record(z.string(), text).optional(),
  scope_separator: z.string().optional(),
  proxy: proxySchema.optional(),
});

export type AuthMode = (typeof AUTH_MODES)[number];
export type ProviderRetry = z.infer<typeof retrySchema>;
export type Provider = { readonly name: string } & Readonly<z.infer<typeof providerSchema>>;
