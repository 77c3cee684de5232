/**
 * The only reader of the environment. Each setting stands here once with its default and its meaning; docs/settings.md's
 * table is made from this one. All faults are reported together, before anything is started.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { EngineError } from '../contract/failures.ts';

const port = (fallback: number) => z.coerce.number().int().min(0).max(65_535).default(fallback);
const count = (fallback: number) => z.coerce.number().int().min(1).default(fallback);
const milliseconds = (fallback: number) => z.coerce.number().int().min(1_000).default(fallback);
const days = z.coerce.number().int().min(0).max(36_500).default(0);
const list = z
  .string()
  .default('')
  .transform((text) => text.split(/[\s,]+/).filter((part) => part !== ''));

const HOUR_MS = 3_600_000;

export const SETTINGS = {
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .optional()
    .describe('Postgres server; without it an embedded one is started'),
  TEMPORAL_ADDRESS: z
    .string()
    .optional()
    .describe('`host:port` of a Temporal server; without it a local one is started'),
  TEMPORAL_NAMESPACE: z.string().default('default').describe('Temporal namespace'),
  TEMPORAL_TLS_CERT: z.string().optional().describe('File of the client certificate for Temporal (PEM)'),
  TEMPORAL_TLS_KEY: z.string().optional().describe('File of the client key for Temporal (PEM)'),
  TEMPORAL_TLS_CA: z.string().optional().describe('File of the CA that signed the Temporal server (PEM)'),
  TEMPORAL_API_KEY: z.string().optional().describe('API key for Temporal; turns TLS on'),
  TEMPORAL_UI_URL: z
    .url()
    .optional()
    .describe('Temporal Web UI that links point to; known by itself for the local server'),
  TEMPORAL_UI_PORT: port(8233).describe('Port of the local Temporal Web UI'),
  SERVER_PORT: port(3003).describe('Port of the REST API'),
  SERVER_HOST: z.string().default('127.0.0.1').describe('Address the REST API and the metrics listen on'),
  NANGO_METRICS_PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .describe(
      'Port of `/metrics` and `/health`, for workers as well; without it the REST API has `/metrics` and workers have none',
    ),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/ })
    .transform((url) => url.replace(/\/$/, ''))
    .optional()
    .describe('Collector of traces (OTLP over HTTP, at `/v1/traces` below it); without it nothing is traced'),
  OTEL_EXPORTER_OTLP_HEADERS: z
    .string()
    .default('')
    .describe('Headers it wants, as `name=value,name=value`, percent-encoded'),
  OTEL_SERVICE_NAME: z.string().default('nango-temporal').describe('How traces name this service'),
  NANGO_TRACE_UPSTREAM: z
    .stringbool()
    .default(false)
    .describe('Whether requests to the APIs you integrate with carry a `traceparent`'),
  NANGO_SERVER_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe(
      'Where browsers and providers reach this server, for workers too; without it `http://<SERVER_HOST>:<SERVER_PORT>`',
    ),
  NANGO_CALLBACK_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe(
      'Where providers send people back to, when it is not `<NANGO_SERVER_URL>/oauth/callback` but forwards there',
    ),
  NANGO_STRICT_STATE: z
    .stringbool()
    .default(false)
    .describe(
      'Whether a sign-in must come back to the browser it began in; not for callbacks forwarded from another domain',
    ),
  DASHBOARD_USERNAME: z.string().optional().describe('Who signs in to the dashboard for all environments'),
  DASHBOARD_PASSWORD: z
    .string()
    .optional()
    .describe('With which password; without both, a secret key opens its own environment and nothing opens all'),
  NANGO_ENCRYPTION_KEY: z
    .string()
    .optional()
    .describe('32 bytes in base64 that seal secrets; needed with DATABASE_URL'),
  NANGO_ENCRYPTION_KEY_PREVIOUS: list.describe(
    'Keys that opened older secrets, until `npm run rotate-key` has sealed all of them with NANGO_ENCRYPTION_KEY',
  ),
  NANGO_PROVIDERS_FILE: z.string().optional().describe('YAML file of providers, merged over the catalogue'),
  NANGO_OUTBOUND_ALLOW: list.describe('Private hosts, `host:port` or CIDR ranges that scripts and /proxy may reach'),
  NANGO_TRUSTED_PROXIES: z.coerce
    .number()
    .int()
    .min(0)
    .default(0)
    .describe('How many proxies stand before the API: callers are told apart by that many entries of X-Forwarded-For'),
  NANGO_API_CALLS_PER_MINUTE: count(600_000).describe('Calls one environment may make to one API process in a minute'),
  NANGO_API_UNKNOWN_KEYS_PER_MINUTE: count(30).describe(
    'Unknown keys one address may try at one API process in a minute; after that it is refused, but for keys that are known',
  ),
  NANGO_DATA_DIR: z.string().default('.local').describe('Folder of the embedded parts'),
  NANGO_SCRIPT_MEMORY_MB: count(256).describe('Memory limit of one script'),
  NANGO_SCRIPT_CPU_MS: milliseconds(30_000).describe('Processor time a script may use between two calls'),
  NANGO_SYNC_TIMEOUT_MS: milliseconds(24 * HOUR_MS).describe('Running time limit of a sync'),
  NANGO_ACTION_TIMEOUT_MS: milliseconds(HOUR_MS / 4).describe('Running time limit of an action'),
  NANGO_MAX_RUNS_PER_CONNECTION: count(20).describe('Sync runs of one connection at work at once; more of them wait'),
  NANGO_MAX_RUNS_PER_INTEGRATION: count(200).describe('The same for all connections of an integration'),
  NANGO_MAX_RUNS_PER_ENVIRONMENT: count(1_000).describe('The same for an environment'),
  NANGO_MAX_CALLED_ACTIONS: count(100).describe('Actions under way at once that one run has caused by triggerAction'),
  NANGO_MAX_JOURNAL_MB: count(1_024).describe(
    "What one run may keep of its calls' answers until it has ended, compressed; past it the run fails",
  ),
  NANGO_SYNC_SLOTS: count(100).describe('Sync runs at work at once in one worker'),
  NANGO_SYNC_SLICE_MS: milliseconds(300_000).describe('For how long a sync runs in one go while others wait'),
  NANGO_SYNC_BACK_OFF_AFTER: z.coerce
    .number()
    .int()
    .min(0)
    .default(5)
    .describe('Failures in a row after which a sync runs less often, until it succeeds; 0 for never'),
  NANGO_JOURNAL_KEEP: z
    .enum(['failed', 'all', 'none'])
    .default('failed')
    .describe('Runs whose journal outlives them: `failed` and cancelled ones, `all`, `none`'),
  NANGO_JOURNAL_KEEP_DAYS: count(7).describe('For how long; a run that waits for longer is cut to its checkpoint'),
  NANGO_LOGS_KEEP_DAYS: count(15).describe('For how long operations and log lines are kept that `/logs` shows'),
  NANGO_RUNS_KEEP_DAYS: days.describe(
    'Days after their end for which runs and deliveries of webhooks are kept; the last run of a sync stays; 0 for ever',
  ),
  NANGO_WORKER_ROLES: list
    .refine(
      (roles) => roles.every((role) => role === 'actions' || role === 'syncs'),
      "expected 'actions', 'syncs' or both",
    )
    .describe('What `npm run worker` runs, `actions` or `syncs` (with housekeeping and webhooks); without it both'),
  NANGO_ENCRYPT_RECORDS: z
    .stringbool()
    .default(false)
    .describe('Whether payloads of records are sealed; `npm run rotate-key` brings stored ones to it'),
  NANGO_RECORDS_PRUNE_DAYS: days.describe(
    'Days without change after which payloads of records are pruned; 0 for never',
  ),
  NANGO_RECORDS_REMOVE_DAYS: days.describe(
    'Days without change after which records go that no sync saves any more; 0 for never',
  ),
  NANGO_ACTIONS_IN_API: z.stringbool().default(true).describe('Whether `npm run api` also runs actions'),
} as const;

const Settings = z.object(SETTINGS);
export type Settings = Readonly<z.infer<typeof Settings>>;

/**
 * Reads and checks the settings. Each may also be given as `<NAME>_FILE`, a file that holds it: secrets of containers
 * come so. @throws EngineError `configuration_invalid` naming every faulty one.
 */
export function readSettings(environment: NodeJS.ProcessEnv = process.env): Settings {
  // An empty variable is an absent one: `.env` files and compose files spell it so.
  const given = { ...fromFiles(environment), ...present(environment) };
  const parsed = Settings.safeParse(given);
  if (parsed.success) return Object.freeze(parsed.data);
  const mistakes = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new EngineError('configuration_invalid', `Settings are wrong:\n  ${mistakes.join('\n  ')}`, {
    details: { mistakes },
  });
}

function present(environment: NodeJS.ProcessEnv): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
}

function fromFiles(environment: NodeJS.ProcessEnv): Record<string, string> {
  const named = Object.keys(SETTINGS).flatMap((name) => {
    const file = environment[`${name}_FILE`];
    return file === undefined || file === '' ? [] : [{ name, file }];
  });
  return Object.fromEntries(named.map(({ name, file }) => [name, textOf(`${name}_FILE`, file)]));
}

function textOf(setting: string, file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    const mistakes = [`${setting}: '${file}' cannot be read`];
    throw new EngineError('configuration_invalid', `Settings are wrong:\n  ${mistakes[0]}`, {
      cause,
      details: { mistakes },
    });
  }
}

/** The settings as docs/settings.md shows them: one row of a Markdown table each. */
export function settingsTable(): string {
  return Object.entries(SETTINGS)
    .map(([name, schema]) => {
      const parsed = schema.safeParse(undefined);
      const fallback =
        parsed.success && parsed.data !== undefined && !Array.isArray(parsed.data) ? String(parsed.data) : '';
      return `| \`${name}\` | ${fallback === '' ? '' : `\`${fallback}\``} | ${schema.description ?? ''} |`;
    })
    .join('\n');
}

/** For a process that builds pages: whoever starts it, a test too, wants what people use; React works otherwise in other modes. */
export function buildEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, NODE_ENV: 'production' };
}
