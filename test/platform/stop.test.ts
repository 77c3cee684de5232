/** What must not keep a process that is told to go. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from '@jest/globals';
import { usePlatform } from '../support/platform.ts';

const platform = usePlatform({}, { actions: false, syncs: false });

test('an API stops at once though pages wait for their popups, and whoever was refused an upgrade holds on', async () => {
  const { hostname, port, host } = new URL(platform.caller.apiUrl);
  const line = new WebSocket(`ws://${host}`);
  await new Promise((resolve) => line.addEventListener('message', resolve));
  const lineEnded = new Promise((resolve) => line.addEventListener('close', resolve));
  const refused = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  refused.write('GET /other HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  await once(refused, 'data');
  // Below the ten seconds that calls under way are given.
  await platform.stop();
  await lineEnded;
  refused.destroy();
  await expect(fetch(platform.caller.apiUrl)).rejects.toThrow();
}, 8_000);
