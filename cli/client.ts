/** The REST API as the CLI speaks it. Every failure says what to do next; the secret key is never part of a message. */
import { EngineError, type FailureCode, failureCode } from '../contract/failures.ts';
import { errnoOf } from './errno.ts';
import { type ExchangeResponse, exchange } from './exchange.ts';
import { oneLine, type Output } from './output.ts';
import { startCommand } from './package.ts';
import { type Settings, secretKey } from './settings.ts';

export type Query = Readonly<Record<string, string | number | undefined>>;
export type CallOptions = {
  readonly query?: Query;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
};

export type Client = {
  readonly environment: string;
  readonly server: string;
  /** A JSON call; anything but a 2xx answer rejects. The caller names the shape that the API promises. */
  readonly call: <Answer>(method: string, path: string, options?: CallOptions) => Promise<Answer>;
  /** A GET whose answer is handed over as it came; anything but a 2xx answer rejects. */
  readonly read: (path: string) => Promise<Buffer>;
  /** A call whose answer is handed over as it is, whatever its status; only a refused key and a missing server reject. */
  readonly send: (
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body: string | Uint8Array | undefined,
    signal?: AbortSignal,
  ) => Promise<ExchangeResponse>;
};

type ClientOptions = {
  readonly settings: Settings;
  readonly environment: string;
  readonly version: string;
  readonly signal: AbortSignal | undefined;
  /** Shows that an answer is waited for. */
  readonly during: Output['during'];
};

/** The codes with which the CLI judges its own files; the server's use of them is one more refused request. */
const OWN_CODES: ReadonlySet<FailureCode> = new Set(['manifest_invalid', 'compile_failed', 'configuration_invalid']);

/** A client for one environment. Throws `missing_auth_header` when its secret key is not known. */
export function createClient(options: ClientOptions): Client {
  const { settings, environment } = options;
  const { key, variable } = secretKey(settings, environment);
  const identity = { authorization: `Bearer ${key}`, 'user-agent': `nango-cli/${options.version}` };
  const send: Client['send'] = async (method, path, headers, body, signal = options.signal) => {
    const request = { method, path, headers: { ...identity, ...headers }, body, signal };
    return exchange(settings.server, request).catch((cause: unknown) => {
      throw unreachable(settings.server, cause);
    });
  };
  const accepted = async (method: string, path: string, headers: Record<string, string>, body: string | undefined) => {
    const response = await options.during(`Waiting for ${settings.server}`, () => send(method, path, headers, body));
    if (response.status === 401) throw refusedKey(settings, environment, variable);
    return response;
  };
  return {
    environment,
    server: settings.server,
    send,
    read: async (path) => {
      const response = await accepted('GET', path, {}, undefined);
      if (isSuccess(response)) return response.body;
      return answerOf({ ...settings, environment }, `GET ${path}`, response);
    },
    call: async <Answer>(method: string, path: string, call: CallOptions = {}) => {
      const body = call.body === undefined ? undefined : JSON.stringify(call.body);
      const type = body === undefined ? undefined : { 'content-type': 'application/json' };
      const headers = { accept: 'application/json', ...type, ...call.headers };
      const response = await accepted(method, path + queryText(call.query), headers, body);
      return answerOf<Answer>({ ...settings, environment }, `${method} ${path}`, response);
    },
  };
}

/** One part of a path, whatever characters it holds. */
export function pathPart(text: string): string {
  // '.' and '..' would be resolved away by whatever stands between here and the route.
  return encodeURIComponent(text.toWellFormed()).replace(/^\.{1,2}$/, (dots) => dots.replaceAll('.', '%2E'));
}

function queryText(query: Query | undefined): string {
  const given = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given as [string, string][])}`;
}

type Asked = { readonly server: string; readonly environment: string };

function answerOf<Answer>({ server, environment }: Asked, call: string, response: ExchangeResponse): Answer {
  const text = response.body.toString('utf8');
  const succeeded = isSuccess(response);
  if (succeeded && text === '') return undefined as Answer;
  const value = parseJson(text);
  if (value === undefined) throw strangeAnswer(server, call, response, text);
  if (succeeded) return value as Answer;
  throw refusal({ server, environment }, call, response.status, value);
}

function isSuccess({ status }: ExchangeResponse): boolean {
  return status >= 200 && status < 300;
}

/** A connection that ended after the request was under way. */
const BROKEN_OFF: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

function unreachable(server: string, cause: unknown): EngineError {
  const code = errnoOf(cause) ?? String(cause);
  if (code.startsWith('ERR_INVALID') || code === 'ERR_UNESCAPED_CHARACTERS') {
    const message = `A name in the call has characters that HTTP headers do not carry (${code}): expected ASCII.`;
    return new EngineError('invalid_headers', message, { cause });
  }
  if (BROKEN_OFF.has(code)) {
    const message = `The server at '${server}' broke off before its answer was whole (${code}), so whether it did what it was asked is not known: look whether it runs ('nango doctor'), and give the same command again.`;
    return new EngineError('engine_unavailable', message, { cause });
  }
  return new EngineError(
    'engine_unavailable',
    `No server answers at '${server}' (${code}): start it with '${startCommand()}', or set NANGO_HOSTPORT to its address.`,
    { cause },
  );
}

function refusedKey({ server, envFile }: Settings, environment: string, variable: string): EngineError {
  return new EngineError(
    'unknown_account',
    `The server at '${server}' refused the key in ${variable}: expected the secret key of its environment '${environment}' that has ` +
      `not ended. Set it in the environment or in '${envFile}'; '${startCommand()}' of the platform keeps the keys in its .local/.env.`,
  );
}

function strangeAnswer(server: string, call: string, response: ExchangeResponse, text: string): EngineError {
  return new EngineError(
    'internal',
    `'${call}' at '${server}' answered ${response.status} without JSON (${oneLine(text, 80) || 'empty'}): ` +
      'expected the platform there. Check NANGO_HOSTPORT.',
  );
}

function unsaid(server: string, call: string, status: number, code: string | undefined): string {
  const answer = `'${server}' answered ${status} to '${call}'`;
  return code === undefined ? `${answer}: expected the platform there. Check NANGO_HOSTPORT.` : `${answer} (${code}).`;
}

/** What lists what a server does not know; its own words name calls of the REST API. */
const LISTING: Partial<Record<FailureCode, string>> = {
  unknown_provider_config: 'nango integrations list',
  unknown_connection: 'nango connections list',
  unknown_run: 'nango runs',
};

function refusal({ server, environment }: Asked, call: string, status: number, value: unknown): EngineError {
  const { code, message, mistakes } = errorBody(value);
  const known = failureCode({ code });
  const own: FailureCode = known === undefined || OWN_CODES.has(known) ? 'internal' : known;
  const said = message ?? unsaid(server, call, status, code);
  const listing = known === undefined ? undefined : LISTING[known];
  const here = listing === undefined ? '' : ` Here: '${listing}${environment === 'dev' ? '' : ` -e ${environment}`}'.`;
  return new EngineError(own, said + here, {
    details: { payload: value, ...(mistakes.length === 0 ? {} : { mistakes }) },
  });
}

/** `{ error: { code, message, mistakes } }`, of which any part may be missing. */
function errorBody(value: unknown): { code?: string; message?: string; mistakes: string[] } {
  const error = isRecord(value) && isRecord(value['error']) ? value['error'] : {};
  const mistakes = Array.isArray(error['mistakes']) ? error['mistakes'] : [];
  return {
    ...(typeof error['code'] === 'string' ? { code: oneLine(error['code']) } : {}),
    ...(typeof error['message'] === 'string' ? { message: oneLine(error['message'], 2_000) } : {}),
    mistakes: mistakes.filter((mistake) => typeof mistake === 'string').map((mistake) => oneLine(mistake, 2_000)),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
