/**
 * The line to the page that opened a sign-in's popup: a WebSocket whose first message names it, and a last one that says
 * how the sign-in ended. The messages are those that the frontend package understands (nango-surface, section 5).
 */
import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import { type EngineError, failureCode } from '../contract/failures.ts';
import type { Database } from '../store/db.ts';
import { listen } from '../store/listen.ts';
import { POPUP_CHANNEL, type PopupMessage, type PopupNews, tellPopups } from '../store/popups.ts';

/** A page that has not heard of its popup by then never will: sign-ins end sooner. */
const LINE_MS = 35 * 60_000;
const MAX_LINES = 10_000;
/** A notification of Postgres holds 8,000 bytes. */
const LONGEST_TEXT = 1_500;

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
export function openPopups(
  db: Database,
  log: (event: string, fields: Readonly<Record<string, unknown>>) => void,
): Popups {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 1_024, perMessageDeflate: false });
  const lines = new Map<string, WebSocket>();

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

  const take = (line: WebSocket): void => {
    const client = randomUUID();
    const timer = setTimeout(() => line.terminate(), LINE_MS);
    timer.unref();
    lines.set(client, line);
    line.on('error', () => line.terminate());
    line.once('close', () => {
      clearTimeout(timer);
      lines.delete(client);
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
        const isLine = isRoot(request.url);
        if (isLine && lines.size < MAX_LINES) return sockets.handleUpgrade(request, socket, head, take);
        const status = isLine ? '503 Service Unavailable' : '404 Not Found';
        // Nor does it end what the other side keeps open.
        socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\n\r\n`, () => socket.destroy());
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
