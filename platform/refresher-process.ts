/**
 * A process that asks providers for tokens and writes them down, and does nothing else: whatever ends the process that
 * wants a token (a script that ate its memory, a kill) does not end the one that is about to be handed it. When its
 * parent has gone it finishes what is under way.
 */
import { failureCode, type EngineError } from '../contract/failures.ts';
import { createAuthorizer } from '../outbound/auth/authorizer.ts';
import { loadProviders } from '../outbound/catalogue.ts';
import { createCredentialVault } from '../store/credentials.ts';
import { openDatabase } from '../store/db.ts';
import { openOperationLog } from '../store/operation-log.ts';
import { createSecretBox } from '../store/secret-box.ts';
import { createToldClock } from './told-clock.ts';
import type { FromRefresher, RefreshFault, RefresherSettings, ToRefresher } from './refresher.ts';

const DATABASE_CONNECTIONS = 2;
/** Each holds a connection of its own while the provider thinks. */
const REFRESHES_AT_ONCE = 6;

const tell = (message: FromRefresher): void => {
  // A parent that was killed is still connected for a moment: not being heard must not end this process.
  if (process.connected) process.send?.(message, undefined, {}, () => undefined);
};
const log = (event: string, fields: Readonly<Record<string, unknown>>): void => tell({ log: [event, fields] });
let work: ReturnType<typeof open> | undefined;
const clock = createToldClock();

process.on('message', (message: ToRefresher) => {
  if ('open' in message) {
    work = open(message.open);
    return;
  }
  const { number, connection, reason, time } = message;
  clock.hear(time);
  work?.keeper.refresh({ ...connection, connectionConfig: {}, credentials: {} }, reason).then(
    () => tell({ number }),
    (error: unknown) => tell({ number, failure: failureOf(error) }),
  );
});
process.once('disconnect', async () => {
  await work?.close();
  process.exit(0);
});
// Ctrl-C reaches every process of a terminal; this one ends with its parent's goodbye.
process.on('SIGINT', () => undefined);

function open({ databaseUrl, keys: [key = '', ...previous], providersFile, allow }: RefresherSettings) {
  const onLost = (error: Error): void => log('store.connection_lost', { error: error.message });
  const db = openDatabase(databaseUrl, { max: DATABASE_CONNECTIONS, onLost });
  const holds = openDatabase(databaseUrl, { max: REFRESHES_AT_ONCE, onLost });
  const vault = createCredentialVault({ db, holds, box: createSecretBox(key, previous) });
  const catalogue = loadProviders({ file: providersFile });
  const operations = openOperationLog(db, (lost) => log('logs.lost', lost));
  const { keeper, close } = createAuthorizer({ vault, catalogue, allow, clock: clock.now, log, operations });
  return {
    keeper,
    close: async () => {
      await close();
      await operations.close();
      await Promise.all([db.end(), holds.end()]);
    },
  };
}

function failureOf(error: unknown): RefreshFault {
  const code = failureCode(error);
  if (code === undefined) {
    return { code: 'store_unavailable', message: 'A refresh failed in its process', payload: undefined };
  }
  const { message, details } = error as EngineError;
  return { code, message, payload: details.payload };
}
