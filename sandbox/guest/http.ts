/** `nango.get` and its siblings: an author's configuration becomes one request call, its answer an axios-like response. */
import type { ListPage, RequestConfig, ResponseHead } from '../../contract/host.ts';
import { type Answer, hostCall } from './calls.ts';
import { notePayload } from './errors.ts';
import { buffer } from './node-buffer.ts';
import { decodeUtf8 } from './encoding.ts';

/** The configuration as authors write it: anything, until it is checked. */
export type AuthorConfig = Readonly<Record<string, unknown>>;

export type Response = {
  readonly data: unknown;
  readonly status: number;
  readonly statusText: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly config: AuthorConfig;
};

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
const COPIED = ['retries', 'retryOn', 'baseUrlOverride', 'decompress', 'responseType', 'forwardHeadersOnRedirect'];
const SECRET_HEADER = /authorization|cookie|api[-_]?key|token|secret|password/i;

let playsRecording = false;

/**
 * Answers come from a recording: those of 400 and more are handed to the script instead of being thrown, and calls of
 * `paginate` tell which page they ask for.
 */
export function playRecording(): void {
  playsRecording = true;
}

/**
 * Sends one request. Throws an axios-shaped Error for a status of 400 and more, and when nothing answered.
 * @param page of the list that `paginate` reads; absent for any other call.
 */
export async function request(config: AuthorConfig, fixedMethod?: string, page?: ListPage): Promise<Response> {
  const method = checkedMethod(config, fixedMethod);
  const wire = {
    ...wireConfig(config, method),
    ...(page && { paginated: true, ...(playsRecording && { page }) }),
  };
  const shown = shownConfig(config, method);
  const site: { stack?: string } = {};
  Error.captureStackTrace(site, request);
  const answer = await hostCall('request', { config: wire }).catch((error: Error) => {
    throw Object.assign(error, { isAxiosError: true, config: shown });
  });
  const head = answer.value as ResponseHead;
  const response: Response = {
    data: readData(answer, String(config['responseType'] ?? '')),
    status: head.status,
    statusText: head.statusText,
    headers: head.headers,
    config: shown,
  };
  if (head.status >= 400 && !playsRecording) throw statusError(response, site);
  return response;
}

function checkedMethod(config: AuthorConfig, fixed: string | undefined): (typeof METHODS)[number] {
  if (typeof config !== 'object' || config === null) {
    throw new TypeError('nango.get and its siblings: a configuration object with an endpoint is expected.');
  }
  if (typeof config['endpoint'] !== 'string') {
    throw new TypeError(`Request endpoint '${String(config['endpoint'])}': a text like '/v1/tasks' is expected.`);
  }
  const asked = String(fixed ?? config['method'] ?? 'GET').toUpperCase();
  const method = METHODS.find((known) => known === asked);
  if (method === undefined) throw new TypeError(`Request method '${asked}': one of ${METHODS.join(', ')} is expected.`);
  return method;
}

function wireConfig(config: AuthorConfig, method: (typeof METHODS)[number]): RequestConfig {
  const headers = headersOf(config['headers']);
  const data = dataOf(config['data'], headers);
  const wire: Record<string, unknown> = { endpoint: config['endpoint'], method };
  for (const key of [...COPIED, 'providerConfigKey', 'connectionId']) {
    if (config[key] !== undefined && config[key] !== null) wire[key] = config[key];
  }
  const params = paramsOf(config['params']);
  if (params !== undefined) wire['params'] = params;
  if (Object.keys(headers).length > 0) wire['headers'] = headers;
  if (data !== undefined) wire['data'] = data;
  return wire as RequestConfig;
}

function headersOf(given: unknown): Record<string, string> {
  const headers: Record<string, string> = {};
  if (typeof given !== 'object' || given === null) return headers;
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && value !== null) headers[name] = String(value);
  }
  return headers;
}

function paramsOf(given: unknown): RequestConfig['params'] {
  if (given === undefined || given === null) return undefined;
  if (typeof given !== 'object') return String(given);
  if (isSearchParams(given)) return String(given);
  const params: Record<string, string | number | boolean | (string | number | boolean)[]> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null) continue;
    params[name] = Array.isArray(value)
      ? value.filter((item) => item !== undefined && item !== null).map(paramOf)
      : paramOf(value);
  }
  return params;
}

function paramOf(value: unknown): string | number | boolean {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The body for the wire; form data gets its content type, unless the author chose another. */
function dataOf(given: unknown, headers: Record<string, string>): unknown {
  if (given === undefined || given === null || typeof given === 'string') return given ?? undefined;
  if (typeof given === 'function' || typeof given === 'symbol') {
    throw new TypeError('Request data: an object, array, text, URLSearchParams or Buffer is expected.');
  }
  const contentType = Object.keys(headers).find((name) => name.toLowerCase() === 'content-type');
  if (isSearchParams(given)) {
    if (contentType === undefined) headers['content-type'] = 'application/x-www-form-urlencoded;charset=utf-8';
    return String(given);
  }
  const bytes = bytesOf(given);
  if (bytes !== undefined) return { base64: buffer().from(bytes).toString('base64') };
  const type = contentType === undefined ? '' : (headers[contentType] ?? '');
  if (/^application\/x-www-form-urlencoded/i.test(type) && typeof given === 'object') return formOf(given);
  try {
    return JSON.parse(JSON.stringify(given));
  } catch (error) {
    throw new TypeError(`Request data is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function formOf(given: object): string {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(given)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined && item !== null) form.append(name, String(paramOf(item)));
    }
  }
  return form.toString();
}

function bytesOf(given: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(given)) return new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
  return given instanceof ArrayBuffer ? new Uint8Array(given) : undefined;
}

function isSearchParams(given: object | unknown): boolean {
  return (
    typeof given === 'object' && given !== null && Object.prototype.toString.call(given) === '[object URLSearchParams]'
  );
}

function readData({ body }: Answer, responseType: string): unknown {
  if (['arraybuffer', 'blob', 'stream'].includes(responseType)) {
    return typeof body === 'string' ? buffer().from(body) : buffer().from(body ?? new ArrayBuffer(0));
  }
  const text = body === undefined ? '' : typeof body === 'string' ? body : decodeUtf8(new Uint8Array(body));
  if (text === '' || (responseType !== '' && responseType !== 'json')) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function shownConfig(config: AuthorConfig, method: string): AuthorConfig {
  const headers = Object.entries(headersOf(config['headers'])).map(([name, value]) => [
    name,
    SECRET_HEADER.test(name) ? '***' : value,
  ]);
  return { ...config, method: method.toLowerCase(), url: config['endpoint'], headers: Object.fromEntries(headers) };
}

/** An error in axios's shape; `response` is no enumerable secret, it is what the author's catch reads. */
function statusError(response: Response, site: { stack?: string }): Error {
  const { status, config } = response;
  const error = new Error(`Request failed with status code ${status}`);
  Object.assign(error, {
    name: 'AxiosError',
    code: status < 500 ? 'ERR_BAD_REQUEST' : 'ERR_BAD_RESPONSE',
    isAxiosError: true,
    status,
    config,
    response,
    toJSON: () => ({
      name: error.name,
      message: error.message,
      status,
      config: { method: config['method'], url: config['url'] },
    }),
  });
  for (const hidden of ['name', 'response', 'config', 'toJSON']) {
    Object.defineProperty(error, hidden, { enumerable: false });
  }
  error.stack = `AxiosError: ${error.message}${site.stack?.slice(site.stack.indexOf('\n')) ?? ''}`;
  notePayload(error, { status, endpoint: config['url'], method: config['method'] });
  return error;
}
