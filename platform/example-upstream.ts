/**
 * The API that the demo integrates with: a task tracker and a chat, as a real HTTP server in memory. It behaves like the
 * upstreams of the world: pages behind a cursor, a changes-since filter, deletions that only that filter shows, a bearer
 * token on every call but `GET /`. It is part of no product process but `demo` and `start --example`.
 */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ExampleTask, seedTasks } from './example-tasks.ts';

export type TaskFields = Partial<Pick<ExampleTask, 'title' | 'done' | 'assignee'>>;
export type LoggedRequest = { readonly method: string; readonly path: string; readonly status: number };

export type ExampleUpstream = {
  readonly url: string;
  /** Requests answered so far. */
  readonly requests: () => number;
  readonly requestLog: readonly LoggedRequest[];
  readonly addTask: (fields: TaskFields) => ExampleTask;
  /** Throws for an id that is unknown or deleted, as `deleteTask` does. */
  readonly changeTask: (id: string, fields: TaskFields) => ExampleTask;
  readonly deleteTask: (id: string) => ExampleTask;
  readonly close: () => Promise<void>;
};

type Answer = { readonly status: number; readonly body: unknown };
type Tracker = ReturnType<typeof createTracker>;

const DEFAULT_PAGE = 10;
const MAX_PAGE = 100;
const MAX_BODY_BYTES = 1024 * 1024;

/** Starts the server; port 0 takes a free one. Rejects when the port is taken. */
export async function startExampleUpstream(
  options: { readonly port?: number; readonly host?: string; readonly clock?: () => Date } = {},
): Promise<ExampleUpstream> {
  const tracker = createTracker(options.clock ?? (() => new Date()));
  const requestLog: LoggedRequest[] = [];
  const server = http.createServer(async (request, response) => {
    const answer = await answerTo(tracker, request).catch((error: unknown) => {
      // Whoever broke off in the middle of a body hears no answer; anything else is ours.
      if (!request.destroyed || request.complete) throw error;
    });
    if (answer === undefined) return;
    requestLog.push({ method: request.method ?? '', path: request.url ?? '', status: answer.status });
    const text = JSON.stringify(answer.body);
    response.writeHead(answer.status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    });
    response.end(text);
  });
  const host = options.host ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port ?? 0, host, resolve);
  });
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    requests: () => requestLog.length,
    requestLog,
    addTask: tracker.add,
    changeTask: tracker.change,
    deleteTask: tracker.remove,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** The text of a providers file that names this upstream `example-tracker` and `example-chat`. */
export function exampleProviders(url: string): string {
  return ['example-tracker', 'example-chat'].map((name) => providerEntry(name, url)).join('\n');
}

const TASK_PAGES = `    paginate:
      type: cursor
      cursor_path_in_response: next_cursor
      cursor_name_in_request: cursor
      limit_name_in_request: limit
      response_path: tasks
`;

function providerEntry(name: string, url: string): string {
  return `${name}:
  display_name: ${name === 'example-tracker' ? 'Example task tracker' : 'Example chat'}
  categories: [example]
  auth_mode: API_KEY
  proxy:
    base_url: ${url}
    headers:
      authorization: Bearer \${apiKey}
    retry:
      after: retry-after
${name === 'example-tracker' ? TASK_PAGES : ''}  docs: ${url}
`;
}

function createTracker(clock: () => Date) {
  const tasks = new Map(seedTasks(clock()).map((task) => [task.id, task]));
  let last = clock().getTime();
  // No two changes share a moment, so that a changes-since filter neither misses nor repeats one.
  const nextMoment = () => {
    last = Math.max(last + 1, clock().getTime());
    return new Date(last).toISOString();
  };
  const store = (task: ExampleTask) => {
    tasks.set(task.id, task);
    return task;
  };
  const living = (id: string) => {
    const task = tasks.get(id);
    if (task === undefined || task.deleted) throw new Error(`Unknown task '${id}'`);
    return task;
  };
  return {
    list: () => [...tasks.values()],
    add: ({ title = 'Untitled', done = false, assignee = null }: TaskFields) =>
      store({ id: `task-${tasks.size + 1}`, title, done, assignee, updated_at: nextMoment(), deleted: false }),
    change: (id: string, fields: TaskFields) => store({ ...living(id), ...fields, updated_at: nextMoment() }),
    remove: (id: string) => store({ ...living(id), deleted: true, updated_at: nextMoment() }),
  };
}

async function answerTo(tracker: Tracker, request: http.IncomingMessage): Promise<Answer> {
  const url = new URL(request.url ?? '/', 'http://upstream');
  const body = await readJson(request);
  if (url.pathname === '/') return { status: 200, body: description() };
  if (!/^Bearer\s+\S/i.test(request.headers.authorization ?? '')) return failure(401, 'a bearer token is required');
  if (body === INVALID) return failure(400, 'the body is not a JSON object');
  const [, resource, id, ...rest] = url.pathname.split('/');
  if (rest.length > 0) return failure(404, `nothing at ${url.pathname}`);
  switch (`${request.method} /${resource}${id === undefined ? '' : '/:id'}`) {
    case 'GET /tasks':
      return listTasks(tracker, url.searchParams);
    case 'POST /tasks':
      return addTask(tracker, body);
    case 'PATCH /tasks/:id':
      return onTask(tracker, id, (known) => ({ status: 200, body: tracker.change(known, taskFields(body)) }));
    case 'DELETE /tasks/:id':
      return onTask(tracker, id, (known) => ({ status: 200, body: tracker.remove(known) }));
    case 'POST /chat/:id':
      return id === 'postMessage' ? postMessage(body) : failure(404, `nothing at ${url.pathname}`);
    default:
      return failure(404, `nothing at ${request.method} ${url.pathname}`);
  }
}

/** Deleted tasks are shown only to those who ask what changed; pages follow the order of change, oldest first. */
function listTasks(tracker: Tracker, query: URLSearchParams): Answer {
  const since = query.get('updated_since');
  const from = since === null ? Number.NEGATIVE_INFINITY : Date.parse(since);
  const cursor = query.get('cursor');
  const limit = Math.min(Number(query.get('limit') ?? DEFAULT_PAGE), MAX_PAGE);
  if (Number.isNaN(from)) return failure(400, 'updated_since is not a date');
  if (cursor !== null && !/^\d+$/.test(cursor)) return failure(400, 'cursor is not one of ours');
  if (!Number.isInteger(limit) || limit < 1) return failure(400, 'limit is not a number from 1 to 100');
  // The cursor is the last moment shown, not an offset: a task changed meanwhile comes again later and hides no other.
  const found = tracker
    .list()
    .filter((task) => (since === null ? !task.deleted : Date.parse(task.updated_at) >= from))
    .filter((task) => Date.parse(task.updated_at) > Number(cursor ?? 0))
    .sort((one, other) => Date.parse(one.updated_at) - Date.parse(other.updated_at));
  const tasks = found.slice(0, limit);
  const last = tasks.at(-1);
  const next = last !== undefined && found.length > limit ? String(Date.parse(last.updated_at)) : null;
  return { status: 200, body: { tasks, next_cursor: next } };
}

function addTask(tracker: Tracker, body: Fields): Answer {
  const fields = taskFields(body);
  return fields.title === undefined ? failure(400, 'title is missing') : { status: 201, body: tracker.add(fields) };
}

function onTask(tracker: Tracker, id: string | undefined, act: (id: string) => Answer): Answer {
  if (id === undefined || !tracker.list().some((task) => task.id === id && !task.deleted)) {
    return failure(404, `no task '${id}'`);
  }
  return act(id);
}

function postMessage(body: Fields): Answer {
  const { channel, text } = body;
  if (typeof channel !== 'string' || channel === '')
    return { status: 200, body: { ok: false, error: 'channel_missing' } };
  if (typeof text !== 'string' || text === '') return { status: 200, body: { ok: false, error: 'no_text' } };
  return { status: 200, body: { ok: true, ts: (Date.now() / 1000).toFixed(6), channel } };
}

function taskFields({ title, done, assignee }: Fields): TaskFields {
  return {
    ...(typeof title === 'string' && { title }),
    ...(typeof done === 'boolean' && { done }),
    ...(assignee === null && { assignee }),
    ...(isObject(assignee) && typeof assignee['name'] === 'string' && { assignee: { name: assignee['name'] } }),
  };
}

type Fields = Record<string, unknown>;
const INVALID: Fields = {};

async function readJson(request: http.IncomingMessage): Promise<Fields> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (bytes === 0) return {};
  if (bytes > MAX_BODY_BYTES) return INVALID;
  try {
    const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString());
    return isObject(parsed) ? parsed : INVALID;
  } catch {
    return INVALID;
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function failure(status: number, message: string): Answer {
  return { status, body: { error: message } };
}

function description() {
  return {
    name: 'Example task tracker and chat',
    authorization: 'Bearer <any token>',
    routes: [
      'GET /tasks?cursor=&limit=&updated_since=',
      'POST /tasks',
      'PATCH /tasks/:id',
      'DELETE /tasks/:id',
      'POST /chat/postMessage',
    ],
  };
}
