/** The one kind of connection that leaves HTTP. Nobody needs a key for it, so nothing that is sent there may end the process. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { useApi } from '../support/api.ts';

const api = useApi();

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
