import { expect, test } from '@jest/globals';
import { createAuthenticator } from '../../api/auth.ts';
import { createCallGuard } from '../../api/call-limits.ts';
import { createApiKey, ensureEnvironment } from '../../store/environments.ts';
import { useDatabase } from '../support/database.ts';
import { START } from '../support/rows.ts';

const database = useDatabase();
const log = () => undefined;
const guard = createCallGuard({ failuresPerMinute: 100, callsPerMinute: 100 }, async () => false);

test('a good key is believed for five seconds, then asked again', async () => {
  let now = START.getTime();
  const authenticate = createAuthenticator({ guard, log, db: database.pool, clock: () => new Date(now) });
  const environment = await ensureEnvironment(database.pool, 'dev', START);
  const key = await createApiKey(database.pool, environment.id, START);
  expect(await authenticate(`Bearer ${key}`, undefined)).toEqual({ id: environment.id, name: 'dev' });
  await database.pool.query('delete from api_keys');
  now += 4_999;
  expect(await authenticate(`bearer  ${key} `, undefined)).toMatchObject({ name: 'dev' });
  now += 1;
  await expect(authenticate(`Bearer ${key}`, undefined)).rejects.toMatchObject({ code: 'unknown_account' });
});

test.each([
  [undefined, 'missing_auth_header'],
  ['', 'missing_auth_header'],
  ['Bearer', 'malformed_auth_header'],
  ['Bearer a b', 'malformed_auth_header'],
  ['Token abc', 'malformed_auth_header'],
])('the header %j is %s', async (header, code) => {
  const authenticate = createAuthenticator({ guard, log, db: database.pool, clock: () => START });
  await expect(authenticate(header, undefined)).rejects.toMatchObject({ code });
});

test('no message repeats the key', async () => {
  const authenticate = createAuthenticator({ guard, log, db: database.pool, clock: () => START });
  await expect(authenticate('Bearer 5ecret', undefined)).rejects.toMatchObject({
    message: expect.not.stringContaining('5ecret'),
  });
});
