/**
 * Where a debugger attaches to a script that runs here: the discovery routes and the WebSocket that Chrome DevTools and
 * VS Code expect of a Node process (nodejs.org, "Debugging Node.js"). Loopback only, and behind an address nobody guesses:
 * whoever is let in runs code.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';
import { type WebSocket, WebSocketServer } from 'ws';
import { EngineError } from '../contract/failures.ts';
import type { DebuggerLine, ScriptBundle } from '../contract/script.ts';
import { errnoOf } from './errno.ts';

export type DebugServer = {
  readonly line: DebuggerLine;
  /** `ws://127.0.0.1:<port>/<id>`. */
  readonly url: string;
  readonly port: number;
  readonly close: () => Promise<void>;
};

const HOST = '127.0.0.1';
/** Lets the script go on where the debugger has gone away. */
const FAREWELL = '{"id":0,"method":"Debugger.disable"}';
const GOING_AWAY = 1001;

/** Opens the server; one debugger at a time. @param port 0 for any free one */
export async function openDebugServer(port: number, title: string): Promise<DebugServer> {
  const id = randomUUID();
  const waiting: string[] = [];
  let send = (message: string): void => void waiting.push(message);
  let client: WebSocket | undefined;
  const sockets = new WebSocketServer({ noServer: true });
  const server = createServer();
  await listen(server, port);
  const bound = (server.address() as AddressInfo).port;
  const address = `${HOST}:${bound}/${id}`;
  const answers = answersOf(id, title, address);
  server.on('request', (request, response) => answer(request, response, answers));
  server.on('upgrade', (request, socket, head) => {
    if (request.url !== `/${id}` || client !== undefined || !isLocal(request)) {
      socket.destroy();
      return;
    }
    sockets.handleUpgrade(request, socket, head, (opened) => {
      client = opened;
      opened.on('message', (data) => send(String(data)));
      opened.on('error', () => opened.terminate());
      opened.on('close', () => {
        client = undefined;
        send(FAREWELL);
      });
    });
  });
  return {
    url: `ws://${address}`,
    port: bound,
    line: {
      connect: (to) => {
        send = to;
        for (const message of waiting.splice(0)) to(message);
      },
      receive: (message) => client?.send(message),
    },
    close: async () => {
      client?.close(GOING_AWAY, 'The script has ended');
      server.close();
      server.closeAllConnections();
    },
  };
}

/**
 * A bundle as a debugger likes it: with its source map in it, and a stop before its first line, so that breakpoints can
 * be set. @param folder where the author's files are, if they are here
 */
export function debuggable(bundle: ScriptBundle, folder: string | undefined): ScriptBundle {
  const map = JSON.parse(bundle.sourceMap);
  const sourceRoot = folder === undefined ? map.sourceRoot : `${pathToFileURL(folder)}/`;
  const inline = Buffer.from(JSON.stringify({ ...map, sourceRoot })).toString('base64');
  // Behind the directive, which counts only as the first statement; on its line, so that all lines keep their numbers.
  const code = bundle.code.replace(/^("use strict";)?/, (directive) => `${directive} debugger;`);
  return { ...bundle, code: `${code}\n//# sourceMappingURL=data:application/json;base64,${inline}\n` };
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, HOST);
  await once(server, 'listening').catch((cause: unknown) => {
    const reason = errnoOf(cause) === 'EADDRINUSE' ? 'is in use' : `cannot be opened (${errnoOf(cause)})`;
    throw new EngineError('conflict', `Port ${port} ${reason}: name another one, or 0 for any: --inspect 0.`, {
      cause,
    });
  });
}

function answersOf(id: string, title: string, address: string): ReadonlyMap<string, unknown> {
  const target = {
    id,
    type: 'node',
    title: `nango replay ${title}`,
    description: 'a script of nango-temporal',
    url: 'file://',
    devtoolsFrontendUrl: `devtools://devtools/bundled/js_app.html?experiments=true&v8only=true&ws=${address}`,
    webSocketDebuggerUrl: `ws://${address}`,
  };
  const version = { Browser: 'nango-temporal', 'Protocol-Version': '1.3' };
  return new Map<string, unknown>([
    ['/json', [target]],
    ['/json/list', [target]],
    ['/json/version', version],
  ]);
}

function answer(request: IncomingMessage, response: ServerResponse, answers: ReadonlyMap<string, unknown>): void {
  const value = isLocal(request) ? answers.get(request.url ?? '') : undefined;
  const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-cache' };
  response.writeHead(value === undefined ? 404 : 200, headers).end(JSON.stringify(value ?? {}));
}

/** A web page whose name was made to lead here would send that name. */
function isLocal({ headers }: IncomingMessage): boolean {
  return /^(127\.0\.0\.1|localhost)(:\d+)?$/i.test(headers.host ?? '');
}
