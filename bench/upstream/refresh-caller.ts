/**
 * One of the processes of `bench refresh`: many callers that use a few connections all the time, as a worker's runs do.
 * It prints a line for each failed call, and its counts when it is told to stop.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createAuthorizer } from '../../outbound/auth/authorizer.ts';
import { loadProviders } from '../../outbound/catalogue.ts';
import { createOutbound } from '../../outbound/request.ts';
import { createRefresher } from '../../platform/refresher.ts';
import { connectionById, openConnection } from '../../store/connections.ts';
import { createCredentialVault } from '../../store/credentials.ts';
import { openDatabase } from '../../store/db.ts';
import { createSecretBox } from '../../store/secret-box.ts';

const [databaseUrl = '', key = '', providersFile = '', ids = '', callers = '50', pauseMs = '300'] =
  process.argv.slice(2);
const connections = ids.split(',').map(Number);
const db = openDatabase(databaseUrl, { max: 3, onLost: () => {} });
const box = createSecretBox(key);
const options = { catalogue: loadProviders({ file: providersFile }), allow: ['127.0.0.1'], clock: () => new Date() };
const vault = createCredentialVault({ db, holds: db, box });
const log = (): void => undefined;
const refresher = createRefresher(
  { databaseUrl, keys: [key], providersFile, allow: options.allow },
  { ...options, log },
);
const authorizer = createAuthorizer({ ...options, vault, elsewhere: refresher.refresh, log });
const outbound = createOutbound({ ...options, keeper: authorizer.keeper, maxResponseBytes: 1_000_000 });
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
let calls = 0;

async function useConnections(caller: number): Promise<void> {
  for (let turn = caller; !stop.signal.aborted; turn += 1) {
    const id = connections[turn % connections.length] ?? 0;
    try {
      const row = await connectionById(db, String(id));
      if (row === undefined) throw new Error('the connection is gone');
      const config = { endpoint: '/me', method: 'GET', retries: 0 } as const;
      const answer = await outbound.request(openConnection(row, box), config, { signal: new AbortController().signal });
      calls += 1;
      if (answer.head.status !== 200) process.stdout.write(`failed: ${answer.head.status}\n`);
    } catch (error) {
      process.stdout.write(`failed: ${error instanceof Error ? error.message : String(error)}\n`);
    }
    await sleep(Number(pauseMs) * (0.5 + Math.random()));
  }
}

process.stdout.write('ready\n');
await Promise.all(Array.from({ length: Number(callers) }, (_, caller) => useConnections(caller)));
process.stdout.write(`calls: ${calls}\n`);
await authorizer.close();
await refresher.close();
outbound.close();
await db.end();
process.exit(0);
