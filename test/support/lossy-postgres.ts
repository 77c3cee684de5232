import net from 'node:net';
import type { AddressInfo } from 'node:net';

export type LossyPostgres = {
  /** The database's URL through this proxy. */
  readonly url: string;
  /** Commits whose answer was lost so far. */
  readonly lost: () => number;
  readonly close: () => Promise<void>;
};

/**
 * A proxy before Postgres that cuts a connection when the answer to a commit has come and before it is passed on: the
 * transaction is committed, and its client cannot know.
 * @param isLost says of each commit, counted from 1, whether its answer is lost.
 */
export async function startLossyPostgres(url: string, isLost: (commit: number) => boolean): Promise<LossyPostgres> {
  const target = new URL(url);
  const sockets = new Set<net.Socket>();
  let [commits, lost] = [0, 0];
  const proxy = net.createServer((client) => {
    const server = net.connect(Number(target.port), target.hostname);
    let isCommitting = false;
    const cut = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) sockets.add(socket.on('error', cut).on('close', cut));
    client.on('data', (data) => {
      isCommitting = data.includes('commit\0');
      server.write(data);
    });
    server.on('data', (data) => {
      if (isCommitting) commits += 1;
      if (!isCommitting || !isLost(commits)) return client.write(data);
      lost += 1;
      return cut();
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const through = new URL(url);
  through.port = String((proxy.address() as AddressInfo).port);
  return {
    url: through.href,
    lost: () => lost,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => proxy.close(() => resolve()));
    },
  };
}
