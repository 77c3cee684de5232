/**
 * The line to the page that opened a sign-in's popup: a WebSocket whose first message names it, and a last one that says
 * how the sign-in ended. The messages are those that the frontend package understands (nango-surface, section 5).
 */
import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import { EngineError, FAILURES, failureCode } from '../contract/failures.ts';
import type { Log } from '../runtime/log.ts';
import type { Database } from '../store/db.ts';
import { listen } from '../store/listen.ts';
import { POPUP_CHANNEL, type PopupMessage, type PopupNews, tellPopups } from '../store/popups.ts';
import { callerOf, countedAs } from './caller.ts';
import { failureBody } from './failures.ts';

/** A page that has not heard of its popup by then never will: sign-ins end sooner. */
const LINE_MS = 35 * 60_000;
/** A notification of Postgres holds 8,000 bytes. */
const LONGEST_TEXT = 1_500;

/** Nobody needs a key for a line, so that what one caller can hold of them is bounded, and what all can. */
export type PopupLimits = {
  /** Lines of one process. @default 10000 */
  readonly lines: number;
  /** Of those, the ones of one address: many people may be behind it. @default 200 */
  readonly linesPerAddress: number;
  /** As for the API. @default 0 */
  readonly trustedProxies: number;
};

const DEFAULT_LIMITS: PopupLimits = { lines: 10_000, linesPerAddress: 200, trustedProxies: 0 };

export type Popups = {
  /** Takes the WebSockets of this server; every other upgrade is refused. */
  readonly attach: (server: Server) => void;
  /** Tells the page of that id, wherever it is connected; nobody hears of it when it has gone. */
  readonly tell: (client: string, message: PopupMessage) => Promise<void>;
  /** Ends the lines: a server that closes waits for each of them. Pages open another one. */
  readonly hangUp: () => void;
  readonly close: () => Promise<void>;
};

/** Opens the lines of one process. The callback of a sign-in may come to another one, which is why Postgres passes it on. */
export function openPopups(db: Database, log: Log, given: Partial<PopupLimits> = {}): Popups {
  const limits = { ...DEFAULT_LIMITS, ...given };
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 1_024, perMessageDeflate: false });
  const lines = new Map<string, WebSocket>();
  const held = new Map<string, number>();

  const pass = ({ client, message }: PopupNews): boolean => {
    const line = lines.get(client);
    line?.send(JSON.stringify(message));
    return line !== undefined;
  };
  const listener = listen(db, POPUP_CHANNEL, {
    connected: () => undefined,
    notice: (payload) => void pass(JSON.parse(payload) as PopupNews),
    lost: (error) => log('popups.lost', { reason: error instanceof Error ? error.message : String(error) }),
  });

  /** What speaks against one more line of the caller. */
  const refusal = (caller: string): EngineError | undefined => {
    if (lines.size >= limits.lines) {
      return new EngineError('too_many_requests', `${limits.lines} pages wait for sign-ins already: try again later.`);
    }
    if ((held.get(caller) ?? 0) < limits.linesPerAddress) return undefined;
    return new EngineError(
      'too_many_requests',
      `${limits.linesPerAddress} pages of this address wait for sign-ins already: close some of them, or try again later.`,
    );
  };

  const take = (line: WebSocket, caller: string): void => {
    const client = randomUUID();
    const timer = setTimeout(() => line.terminate(), LINE_MS);
    timer.unref();
    lines.set(client, line);
    held.set(caller, (held.get(caller) ?? 0) + 1);
    line.on('error', () => line.terminate());
    line.once('close', () => {
      clearTimeout(timer);
      lines.delete(client);
      const left = (held.get(caller) ?? 0) - 1;
      if (left > 0) held.set(caller, left);
      else held.delete(caller);
    });
    line.send(JSON.stringify({ message_type: 'connection_ack', ws_client_id: client }));
  };

  const hangUp = (): void => {
    for (const line of lines.values()) line.terminate();
  };

  return {
    attach: (server) => {
      server.on('upgrade', (request, socket, head) => {
        // Node has taken its own listener off by now: without one, whoever hangs up would end the process.
        socket.on('error', () => socket.destroy());
        const caller = countedAs(callerOf(request, limits.trustedProxies));
        const refused = isRoot(request.url) ? refusal(caller) : nowhere(request);
        if (refused === undefined) return sockets.handleUpgrade(request, socket, head, (line) => take(line, caller));
        // Nor does it end what the other side keeps open.
        socket.end(refusalText(refused), () => socket.destroy());
      });
    },
    tell: async (client, message) => {
      if (!pass({ client, message })) await tellPopups(db, { client, message });
    },
    hangUp,
    close: async () => {
      hangUp();
      await listener.close();
    },
  };
}

/** Anybody may send anything as an address, also what is none. */
function isRoot(address = '/'): boolean {
  return URL.canParse(address, 'http://localhost') && new URL(address, 'http://localhost').pathname === '/';
}

function nowhere({ url = '' }: IncomingMessage): EngineError {
  return new EngineError('not_found', `No WebSocket is opened at '${url.slice(0, 100)}': expected '/'.`);
}

/** An answer of HTTP, which browsers show where they log and other clients can read. */
function refusalText(refused: EngineError): string {
  const body = JSON.stringify(failureBody(refused));
  const { status } = FAILURES[refused.code];
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

/** What a page is told of a sign-in that failed. Faults of our own are told by their code alone. */
export function popupFailure(error: unknown, named: { providerConfigKey: string; connectionId: string }): PopupMessage {
  const code = failureCode(error) ?? 'internal';
  const text =
    code === 'internal' ? 'The sign-in failed for a reason of our own; try again' : (error as EngineError).message;
  return {
    message_type: 'error',
    provider_config_key: named.providerConfigKey,
    connection_id: named.connectionId,
    error_type: code,
    error_desc: text.slice(0, LONGEST_TEXT),
  };
}
