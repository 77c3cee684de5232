import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Closing } from '../../runtime/closing.ts';

export type Wire = {
  readonly port: number;
  /** Nothing comes through any more, in neither direction, and nobody is told: as a cable that was pulled. */
  readonly cut: () => void;
  /** What was held back goes on, as TCP would send it again. */
  readonly mend: () => void;
  /** What was held back is lost; new lines go through. */
  readonly replace: () => void;
};

/** A line between processes of this machine, which can be cut without either end hearing of it. */
export async function openWire(
  closing: Closing,
  target: {
    /** Where its near end is; the far one is on this machine's loopback. @default 127.0.0.1 */
    readonly host?: string;
    readonly port: number;
  },
): Promise<Wire> {
  let isCut = false;
  const ends = new Set<Socket>();
  const join = (from: Socket, to: Socket): void => {
    ends.add(from);
    from.on('data', (bytes) => void to.write(bytes));
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => {
      ends.delete(from);
      to.destroy();
    });
    if (isCut) from.pause();
  };
  const server = createServer((near) => {
    const far = connect(target.port, '127.0.0.1');
    // While nobody listens there, the system may give a connection that very port and connect it with itself: who is to
    // listen then finds it taken.
    far.on('connect', () => {
      if (far.localPort === target.port) far.destroy();
    });
    near.setNoDelay(true);
    far.setNoDelay(true);
    join(near, far);
    join(far, near);
  });
  server.listen(0, target.host ?? '127.0.0.1');
  await once(server, 'listening');
  closing.add('a wire', () => {
    server.close();
    for (const end of ends) end.destroy();
  });
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      isCut = true;
      for (const end of ends) end.pause();
    },
    mend: () => {
      isCut = false;
      for (const end of ends) end.resume();
    },
    replace: () => {
      isCut = false;
      for (const end of ends) end.destroy();
    },
  };
}
