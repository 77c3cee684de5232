/** `nango.uncontrolledFetch`: a raw call, answered in the shape of the Fetch API. */
import type { ResponseHead } from '../../contract/host.ts';
import { hostCall } from './calls.ts';
import { decodeUtf8 } from './encoding.ts';

type Init = { readonly url?: unknown; readonly method?: unknown; readonly headers?: unknown; readonly body?: unknown };
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Without credentials and retries. Rejects when nothing answered; any answer, also of 400 and more, is a Response. */
export async function uncontrolledFetch(init: Init): Promise<object> {
  const { url, method = 'GET', headers, body } = init ?? {};
  if (url === undefined || url === null) throw new TypeError('nango.uncontrolledFetch: { url } is expected.');
  const verb = String(method).toUpperCase();
  if (!METHODS.includes(verb))
    throw new TypeError(`nango.uncontrolledFetch: method '${verb}' is not one of ${METHODS.join(', ')}.`);
  const text = body === undefined || body === null ? undefined : String(body);
  const answer = await hostCall(
    'uncontrolledFetch',
    { url: String(url), method: verb, headers: namesOf(headers) },
    text,
  );
  return response(String(url), answer.value as ResponseHead, answer.body);
}

function namesOf(headers: unknown): Record<string, string> {
  if (typeof headers !== 'object' || headers === null) return {};
  const entries = Symbol.iterator in headers ? [...(headers as Iterable<[string, unknown]>)] : Object.entries(headers);
  return Object.fromEntries(
    entries.filter(([, value]) => value !== undefined).map(([name, value]) => [name, String(value)]),
  );
}

function response(url: string, head: ResponseHead, body: string | ArrayBuffer | undefined): object {
  const { status, statusText } = head;
  const text = (): string =>
    typeof body === 'string' ? body : body === undefined ? '' : decodeUtf8(new Uint8Array(body));
  const bytes = (): ArrayBuffer =>
    body instanceof ArrayBuffer ? body.slice(0) : new TextEncoder().encode(text()).buffer;
  let bodyUsed = false;
  const once =
    <T>(read: () => T) =>
    async (): Promise<T> => {
      if (bodyUsed) throw new TypeError('The body of this response was read already: clone() it before.');
      bodyUsed = true;
      return read();
    };
  return {
    url,
    status,
    statusText,
    ok: status >= 200 && status < 300,
    redirected: false,
    type: 'basic',
    headers: headersOf(head.headers),
    get bodyUsed() {
      return bodyUsed;
    },
    text: once(text),
    json: once(() => JSON.parse(text())),
    arrayBuffer: once(bytes),
    clone: () => response(url, head, body),
  };
}

function headersOf(given: Readonly<Record<string, string>>): object {
  const values = new Map(Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    get: (name: string) => values.get(String(name).toLowerCase()) ?? null,
    has: (name: string) => values.has(String(name).toLowerCase()),
    forEach: (callback: (value: string, name: string) => void) => {
      for (const [name, value] of values) callback(value, name);
    },
    entries: () => values.entries(),
    keys: () => values.keys(),
    values: () => values.values(),
    [Symbol.iterator]: () => values.entries(),
  };
}
