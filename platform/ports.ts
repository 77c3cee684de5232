import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { EngineError } from '../contract/failures.ts';

/** A loopback port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** @throws EngineError naming the setting when the port is taken. */
export async function checkPort(port: number, host: string, setting: string): Promise<void> {
  const server = createServer().listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new EngineError(
      'configuration_invalid',
      `Port ${port} is taken: stop the program that uses it, or choose another with ${setting}`,
      { cause },
    );
  }
  server.close();
  await once(server, 'close');
}
