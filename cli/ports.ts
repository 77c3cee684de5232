/** Ports of this machine that `npm start` of the platform takes. */
import { connect } from 'node:net';

export type WantedPort = { readonly port: number; readonly setting: 'SERVER_PORT' | 'TEMPORAL_UI_PORT' };

const TEMPORAL_UI_PORT = 8233;
const ANSWER_WITHIN_MS = 500;

/** Those of a platform that is to be reached at `server`; none where that is another machine. */
export function wantedPorts(server: string): readonly WantedPort[] {
  const { hostname, port, protocol } = new URL(server);
  if (hostname !== 'localhost' && hostname !== '[::1]' && !/^127\./.test(hostname)) return [];
  const own = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
  return [
    { port: own, setting: 'SERVER_PORT' },
    { port: TEMPORAL_UI_PORT, setting: 'TEMPORAL_UI_PORT' },
  ];
}

/** Whether a program listens at this port of this machine. */
export async function isTaken(port: number): Promise<boolean> {
  const found = await Promise.all(['127.0.0.1', '::1'].map((host) => accepts(host, port)));
  return found.includes(true);
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: ANSWER_WITHIN_MS });
    const end = (accepted: boolean) => () => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('connect', end(true)).once('timeout', end(false)).once('error', end(false));
  });
}
