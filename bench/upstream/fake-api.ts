/**
 * A third party's HTTP API on loopback, in a process of its own; it knows nothing of who calls it.
 *
 *   GET  /records?cursor=&limit=&updated_since=   → { data, next_cursor, total }
 *   POST /echo, GET /ping                         → a cheap write, a cheap read
 *   POST /__config { total, bytes, latencyMs }, POST /__change { update, remove, add }, POST /__reset, GET /__stats
 */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createRecords } from './records.ts';

type Answer = { readonly status: number; readonly body: unknown };
export type Stats = { readonly calls: number; readonly pages: number; readonly repeatedPages: number };

const MAX_PAGE = 1000;
const config = { total: 10_000, bytes: 300, latencyMs: 0 };
const records = createRecords(
  () => config.total,
  () => config.bytes,
);
let calls = 0;
let pages = new Map<string, number>();

const server = http.createServer(async (request, response) => {
  const { status, body } = await answerTo(request);
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening on ${(server.address() as AddressInfo).port}\n`);
});
process.on('SIGTERM', () => process.exit(0));

async function answerTo(request: http.IncomingMessage): Promise<Answer> {
  const url = new URL(request.url ?? '/', 'http://upstream');
  const body = request.method === 'POST' ? await readJson(request) : {};
  if (url.pathname.startsWith('/__')) return control(url.pathname, body);
  calls += 1;
  if (config.latencyMs > 0) await delay(config.latencyMs);
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /ping':
      return { status: 200, body: { ok: true } };
    case 'POST /echo':
      return { status: 200, body: { ok: true, received: body } };
    case 'GET /records':
      return { status: 200, body: pageOf(url.searchParams) };
    default:
      return { status: 404, body: { error: 'not found' } };
  }
}

function pageOf(query: URLSearchParams): object {
  const since = query.get('updated_since');
  const cursor = Number(query.get('cursor') ?? 0);
  const key = `${cursor} ${since ?? ''}`;
  pages.set(key, (pages.get(key) ?? 0) + 1);
  const limit = Math.min(MAX_PAGE, Number(query.get('limit') ?? 100));
  return records.page({ cursor, limit, sinceMs: since === null ? null : Date.parse(since) });
}

function control(path: string, body: object): Answer {
  switch (path) {
    case '/__config':
      return { status: 200, body: Object.assign(config, body) };
    case '/__change':
      records.change(body, Date.now());
      return { status: 200, body: {} };
    case '/__reset':
      calls = 0;
      pages = new Map();
      records.reseed();
      return { status: 200, body: {} };
    case '/__stats': {
      const repeatedPages = [...pages.values()].reduce((sum, times) => sum + times - 1, 0);
      return { status: 200, body: { calls, pages: pages.size, repeatedPages } satisfies Stats };
    }
    default:
      return { status: 404, body: { error: 'no such control' } };
  }
}

async function readJson(request: http.IncomingMessage): Promise<object> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? {} : JSON.parse(text);
}
