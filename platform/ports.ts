import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { EngineError } from '../contract/failures.ts';

// Below what systems give to outgoing connections: one of those could take the port before its server listens.
const LOWEST = 10_000;
const HIGHEST = 32_000;

/** A loopback port that is free now. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
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
