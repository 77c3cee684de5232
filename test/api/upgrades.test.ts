/** The one kind of connection that leaves HTTP. Nobody needs a key for it, so nothing that is sent there may end the process. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { useApi } from '../support/api.ts';
import { until } from '../support/until.ts';

const api = useApi({ lines: 5, linesPerAddress: 2, trustedProxies: 1 });

async function open(target: string): Promise<Socket> {
  const socket = connect(api.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(`GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`);
  return socket;
}

test.each(['//', '///x', '//:99999', 'http://', 'http://[', '/other', '/%zz', '*'])(
  'an upgrade to %s is refused, and ends nothing but its connection',
  async (target) => {
    const socket = await open(target);
    const closed = once(socket, 'close');
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1\.1 40[04] /);
    await closed;
    expect((await api.call('GET', '/health', { key: null })).status).toBe(200);
  },
);

test('whoever asks for an upgrade and hangs up at once ends nothing but his connection', async () => {
  for (let round = 0; round < 50; round += 1) {
    for (const target of ['/other', '/']) {
      const socket = await open(target);
      const closed = once(socket, 'close');
      socket.resetAndDestroy();
      await closed;
    }
  }
  expect((await api.call('GET', '/health', { key: null })).status).toBe(200);
});

/** The line of a page at that address; answers what refused it instead. */
async function line(address: string): Promise<WebSocket | { status: number; body: string }> {
  const socket = new WebSocket(api.url, { headers: { 'x-forwarded-for': address } });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
    socket.once('unexpected-response', async (_, response) => {
      const body = Buffer.concat(await response.toArray()).toString();
      resolve({ status: response.statusCode ?? 0, body });
    });
  });
}

/** Opens as many as it gets, in turn from these addresses. */
async function lines(addresses: readonly string[]) {
  const open: WebSocket[] = [];
  const refused: { status: number; body: string }[] = [];
  for (const address of addresses) {
    const answer = await line(address);
    if (answer instanceof WebSocket) open.push(answer);
    else refused.push(answer);
  }
  return { open, refused };
}

async function hangUp(open: readonly WebSocket[]): Promise<void> {
  await Promise.all(
    open.map(async (socket) => {
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    }),
  );
}

test('one address holds so many lines to popups and no more, and gets another for each that ends', async () => {
  const { open, refused } = await lines(['203.0.113.1', '::ffff:203.0.113.1', '203.0.113.1']);
  expect(open).toHaveLength(2);
  expect(refused).toEqual([{ status: 429, body: expect.stringContaining('2 pages of this address wait') }]);
  expect(JSON.parse(refused[0]?.body ?? '')).toMatchObject({ error: { code: 'too_many_requests' } });
  // What stands before the believed entry is the caller's own word.
  const forged = await lines(['198.51.100.7, 203.0.113.1', '2001:db8:1:2::1', '2001:db8:1:2::2', '2001:db8:1:2::3']);
  expect([forged.open.length, forged.refused.length]).toEqual([2, 2]);
  await hangUp(open.slice(0, 1));
  const again = await until('line in place of the one that ended', async () => {
    const answer = await line('203.0.113.1');
    return answer instanceof WebSocket && answer;
  });
  await hangUp([...open.slice(1), ...forged.open, again]);
});

test('all addresses together hold so many lines and no more', async () => {
  const addresses = Array.from({ length: 6 }, (_, n) => `203.0.113.${n + 10}`);
  const found = await until('end of the lines of before', async () => {
    const { open, refused } = await lines(addresses);
    if (open.length === 5) return { open, refused };
    await hangUp(open);
    return false;
  });
  expect(found.refused).toEqual([{ status: 429, body: expect.stringContaining('5 pages wait for sign-ins already') }]);
  await hangUp(found.open);
});
