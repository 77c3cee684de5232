/**
 * A real HTTP server on loopback that stands for somebody else's API, and the requests it received.
 *
 *   const upstream = useUpstream();                                   // once, at the top of a test file
 *   upstream.answerWith({ status: 429, headers: { 'retry-after': '1' } }, { json: { ok: true } });   // a queue
 *   await fetch(`${upstream.url}/tasks?page=2`);
 *   expect(upstream.requests[0]?.url).toBe('/tasks?page=2');
 *
 * Without queued answers the handler answers; without a handler, 200 and `{}`. Queue and requests are empty at the start
 * of each test; the server closes itself after the last one.
 */
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, beforeEach } from '@jest/globals';

export type UpstreamRequest = {
  readonly method: string;
  /** Path and query exactly as they came. */
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
};

export type UpstreamAnswer = {
  /** @default 200 */
  readonly status?: number;
  readonly headers?: http.OutgoingHttpHeaders;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** Waits before it answers. */
  readonly latencyMs?: number;
  /** Breaks the connection instead: before any byte, or after half of the body. */
  readonly breaks?: 'at once' | 'in the body';
};

/** Answers a request, or writes to `response` itself and answers nothing. */
export type UpstreamHandler = (
  request: UpstreamRequest,
  response: http.ServerResponse,
) => UpstreamAnswer | undefined | Promise<UpstreamAnswer | undefined>;

export type Upstream = {
  /** `http://127.0.0.1:<port>`; known from `beforeAll` on. */
  readonly url: string;
  readonly port: number;
  /** Every request of this test, in order of arrival, its body complete. */
  readonly requests: readonly UpstreamRequest[];
  /** Connections opened since the start of this test. */
  readonly connections: number;
  /** Queues answers, one per request; they come before the handler. */
  readonly answerWith: (...answers: readonly UpstreamAnswer[]) => void;
  /** Replaces the handler until the end of the test. */
  readonly handleWith: (handler: UpstreamHandler) => void;
  /** Closes pooled connections that are idle now, as servers do after a while. */
  readonly closeIdle: () => void;
};

/** Registers the server with the test file: started before its first test, closed after its last. */
export function useUpstream(handler: UpstreamHandler = () => ({ json: {} })): Upstream {
  const requests: UpstreamRequest[] = [];
  const queue: UpstreamAnswer[] = [];
  const sockets = new Set<Socket>();
  let current = handler;
  let connections = 0;
  const server = http.createServer(async (incoming, response) => {
    const request = await receive(incoming);
    requests.push(request);
    const answer = queue.shift() ?? (await current(request, response));
    if (answer !== undefined) await send(answer, incoming, response);
  });
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket.on('close', () => sockets.delete(socket)));
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  beforeEach(() => {
    requests.length = 0;
    queue.length = 0;
    current = handler;
    connections = 0;
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const port = () => (server.address() as AddressInfo).port;
  return {
    get url() {
      return `http://127.0.0.1:${port()}`;
    },
    get port() {
      return port();
    },
    get connections() {
      return connections;
    },
    requests,
    answerWith: (...answers) => queue.push(...answers),
    handleWith: (next) => {
      current = next;
    },
    closeIdle: () => server.closeIdleConnections(),
  };
}

async function receive(incoming: http.IncomingMessage): Promise<UpstreamRequest> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming) chunks.push(chunk);
  } catch {
    // The caller broke off: what came until then is the request.
  }
  const { method = '', url = '', headers } = incoming;
  return { method, url, headers, body: Buffer.concat(chunks) };
}

async function send(answer: UpstreamAnswer, incoming: http.IncomingMessage, response: http.ServerResponse) {
  if (answer.latencyMs !== undefined) await new Promise((resolve) => setTimeout(resolve, answer.latencyMs));
  if (answer.breaks === 'at once') return incoming.socket.destroy();
  const body = answer.json === undefined ? (answer.body ?? '') : JSON.stringify(answer.json);
  const type = answer.json === undefined ? {} : { 'content-type': 'application/json' };
  response.writeHead(answer.status ?? 200, { ...type, ...answer.headers });
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) return stream(body, response);
  if (answer.breaks === undefined) return response.end(body);
  const half = Buffer.from(body).subarray(0, Math.ceil(body.length / 2));
  return response.write(half, () => incoming.socket.destroy());
}

// A reader that leaves early is no failure of the upstream.
async function stream(body: AsyncIterable<Uint8Array>, response: http.ServerResponse): Promise<void> {
  await pipeline(Readable.from(body), response).catch(() => {});
}
