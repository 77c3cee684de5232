/** A process that wants one token and is killed while it waits: see test/platform/refresher.test.ts. */
import { createAuthorizer } from '../../outbound/auth/authorizer.ts';
import { loadProviders } from '../../outbound/catalogue.ts';
import { createRefresher } from '../../platform/refresher.ts';
import { connectionById, openConnection } from '../../store/connections.ts';
import { createCredentialVault } from '../../store/credentials.ts';
import { openDatabase } from '../../store/db.ts';
import { createSecretBox } from '../../store/secret-box.ts';

const [databaseUrl = '', key = '', providersFile = '', id = '', where = ''] = process.argv.slice(2);
const db = openDatabase(databaseUrl, { max: 2, onLost: () => {} });
const box = createSecretBox(key);
const log = (): void => undefined;
const clock = (): Date => new Date();
const allow = ['127.0.0.1'];
const catalogue = loadProviders({ file: providersFile });
const vault = createCredentialVault({ db, holds: db, box });
const refresher = createRefresher({ databaseUrl, keys: [key], providersFile, allow }, { log, clock });
const elsewhere = where === 'elsewhere' ? { elsewhere: refresher.refresh } : {};
const { keeper } = createAuthorizer({ vault, ...elsewhere, catalogue, allow, clock, log });
const row = await connectionById(db, id);
if (row !== undefined) await keeper.refresh(openConnection(row, box), 'asked');
process.stdout.write('refreshed\n');
