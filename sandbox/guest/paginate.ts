/** `nango.paginate`: pages of a list over cursor, link or offset, as an async generator of arrays. */
import type { ListPage } from '../../contract/host.ts';
import { type AuthorConfig, type Response, request } from './http.ts';

type Options = Readonly<Record<string, unknown>>;
type PageCall = (change: AuthorConfig) => Promise<Response>;

/** What a step works with: the options, where the parameters go, and the author's hook. */
type Pages = {
  readonly options: Options;
  readonly endpoint: string;
  readonly send: (parameter: Readonly<Record<string, unknown>>, change?: AuthorConfig) => Promise<Response>;
  readonly rowsOf: (response: Response) => unknown[];
  readonly onPage: (nextPageParam: unknown, response: Response) => Promise<void>;
};

/** Sends the call of one page; tests of authors answer it from their recordings. */
type Send = (config: AuthorConfig, page: ListPage) => Promise<Response>;

/** Yields page after page. `defaults` are the provider's own settings, under those of the call. */
export async function* paginate(
  config: AuthorConfig,
  defaults?: Options,
  send: Send = (call, page) => request(call, undefined, page),
): AsyncGenerator<unknown[], undefined, void> {
  const given = config['paginate'];
  const options: Options = { ...defaults, ...(typeof given === 'object' && given !== null ? given : {}) };
  if (Object.keys(options).length === 0) {
    throw new Error(`nango.paginate of '${String(config['endpoint'])}': the call needs 'paginate' with a type.`);
  }
  const pages = openPages(config, options, send);
  switch (options['type']) {
    case 'cursor':
      return yield* cursorPages(pages);
    case 'link':
      return yield* linkPages(pages);
    case 'offset':
      return yield* offsetPages(pages);
    default:
      throw new Error(`Pagination type '${String(options['type'])}': 'cursor', 'link' or 'offset' is expected.`);
  }
}

async function* cursorPages({ options, send, rowsOf, onPage }: Pages): AsyncGenerator<unknown[], undefined, void> {
  const path = required(options, 'cursor_path_in_response');
  const name = required(options, 'cursor_name_in_request');
  const visits = noteVisits("Pagination 'cursor'");
  let cursor: unknown;
  for (;;) {
    const response = await send(cursor === undefined ? {} : { [name]: cursor });
    const rows = rowsOf(response);
    if (rows.length === 0) return undefined;
    yield rows;
    const found = valueAt(response.data, path);
    cursor = typeof found === 'number' || (typeof found === 'string' && found.trim() !== '') ? found : undefined;
    await onPage(cursor, response);
    if (cursor === undefined) return undefined;
    visits(String(cursor));
  }
}

async function* linkPages({
  options,
  endpoint,
  send,
  rowsOf,
  onPage,
}: Pages): AsyncGenerator<unknown[], undefined, void> {
  const { link_rel_in_response_header: rel, link_path_in_response_body: path } = options;
  if (typeof rel !== 'string' && typeof path !== 'string') {
    throw new Error("Pagination 'link': link_rel_in_response_header or link_path_in_response_body is expected.");
  }
  const visits = noteVisits("Pagination 'link'");
  let link: string | undefined;
  for (;;) {
    const response = await send({}, link === undefined ? {} : linkChange(link, endpoint));
    yield rowsOf(response);
    const found = typeof rel === 'string' ? linkInHeader(response, rel) : valueAt(response.data, String(path));
    const next: string | undefined = typeof found === 'string' && found !== '' ? found : undefined;
    await onPage(next, response);
    if (next === undefined || next === link) return undefined;
    visits(next);
    link = next;
  }
}

async function* offsetPages({ options, send, rowsOf, onPage }: Pages): AsyncGenerator<unknown[], undefined, void> {
  const name = required(options, 'offset_name_in_request');
  const perPage = options['offset_calculation_method'] === 'per-page';
  const limit = Number(options['limit']);
  let offset = Number(options['offset_start_value'] ?? 0);
  for (;;) {
    const response = await send({ [name]: offset });
    const rows = rowsOf(response);
    if (rows.length === 0) return undefined;
    yield rows;
    await onPage(offset, response);
    if (rows.length < limit) return undefined;
    offset += perPage ? 1 : rows.length;
  }
}

function openPages(config: AuthorConfig, options: Options, send: Send): Pages {
  const method = String(config['method'] ?? 'GET').toUpperCase();
  const given = config['paginate'] as Options | undefined;
  const asked = given?.['in_body'] ?? options['in_body'];
  const inBody = typeof asked === 'boolean' ? asked : ['POST', 'PUT', 'PATCH'].includes(method);
  const limit =
    options['limit'] !== undefined && typeof options['limit_name_in_request'] === 'string'
      ? { [options['limit_name_in_request']]: options['limit'] }
      : {};
  const path = options['response_path'];
  const rowsAt = typeof path === 'string' && path !== '' ? path : undefined;
  let number = 0;
  const call: PageCall = (change) => {
    number += 1;
    return send({ ...config, ...change, method, paginate: undefined }, { number, ...(rowsAt && { rowsAt }) });
  };
  const sendPage: Pages['send'] = (parameter, change = {}) => {
    if ('params' in change) return call(change);
    const added = { ...limit, ...parameter };
    return call({
      ...change,
      ...(inBody ? { data: inBodyOf(config['data'], added) } : { params: inQueryOf(config['params'], added) }),
    });
  };
  const onPage = options['on_page'];
  return {
    options,
    endpoint: String(config['endpoint'] ?? ''),
    send: sendPage,
    rowsOf: (response) => rowsOf(response, rowsAt),
    onPage: async (nextPageParam, response) => {
      if (typeof onPage === 'function') await onPage({ nextPageParam, response });
    },
  };
}

function rowsOf(response: Response, path: string | undefined): unknown[] {
  const found = path === undefined ? response.data : valueAt(response.data, path);
  return Array.isArray(found) ? found : [];
}

function required(options: Options, key: string): string {
  const value = options[key];
  if (typeof value === 'string' && value !== '') return value;
  throw new Error(`Pagination '${String(options['type'])}': '${key}' is expected.`);
}

/** Follows a dotted path, unless the whole of it is a key (`@odata.nextLink`); anything missing is undefined. */
function valueAt(value: unknown, path: string): unknown {
  if (typeof value === 'object' && value !== null && Object.hasOwn(value, path)) {
    return (value as Record<string, unknown>)[path];
  }
  let at = value;
  for (const key of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<string, unknown>)[key];
  }
  return at;
}

function inQueryOf(given: unknown, added: Record<string, unknown>): unknown {
  const texts = Object.entries(added).map(([name, value]) => [name, typeof value === 'number' ? String(value) : value]);
  if (typeof given !== 'string') return { ...(given as object | undefined), ...Object.fromEntries(texts) };
  const query = new URLSearchParams(given);
  for (const [name, value] of texts) query.set(String(name), String(value));
  return query.toString();
}

/** Puts dotted names into nested objects, without changing the author's own. */
function inBodyOf(given: unknown, added: Record<string, unknown>): unknown {
  const body: Record<string, unknown> = { ...(given as object | undefined) };
  for (const [name, value] of Object.entries(added)) {
    const keys = name.split('.');
    const last = keys.pop() ?? name;
    let at = body;
    for (const key of keys) {
      const inner = at[key];
      const copy: Record<string, unknown> = typeof inner === 'object' && inner !== null ? { ...inner } : {};
      at[key] = copy;
      at = copy;
    }
    at[last] = value;
  }
  return body;
}

/**
 * Throws at a cursor or link that was there before: the API would send the same pages for ever. (A link that only
 * repeats itself is how some APIs say that there is no next page.)
 */
function noteVisits(what: string): (next: string) => void {
  const seen = new Set<string>();
  return (next) => {
    if (seen.has(next)) {
      throw new Error(
        `${what} goes in a circle: '${next.slice(0, 200)}' comes a second time, on page ${seen.size + 2}.`,
      );
    }
    seen.add(next);
  };
}

/** An absolute link brings its own host and query; a relative one is the next endpoint, a bare query that of the first. */
function linkChange(link: string, endpoint: string): AuthorConfig {
  if (link.startsWith('?')) return { endpoint: endpoint.replace(/[?#].*$/, '') + link, params: undefined };
  if (!/^https?:\/\//i.test(link)) return { endpoint: link, params: undefined };
  const url = new URL(link);
  return { endpoint: url.pathname + url.search, baseUrlOverride: url.origin, params: undefined };
}

function linkInHeader(response: Response, rel: string): string | undefined {
  const header = response.headers['link'] ?? '';
  for (const match of header.matchAll(/<([^>]*)>([^<]*)/g)) {
    const rels = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,]+))/i.exec(match[2] ?? '');
    const names = (rels?.[1] ?? rels?.[2] ?? '').split(/\s+/);
    if (names.includes(rel)) return match[1];
  }
  return undefined;
}
