import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { createSuspects } from '../../api/suspects.ts';
import type { Database, Queryable } from '../../store/db.ts';
import { createApiKey, ensureEnvironment } from '../../store/environments.ts';
import { useDatabase } from '../support/database.ts';
import { START } from '../support/rows.ts';

const database = useDatabase();

/** The database, with an eye on its queries; the first ones go to `before`. */
function watched(before: readonly Database[] = []) {
  const pools = [...before];
  const cost = { queries: 0, now: 0, most: 0 };
  const query = async (text: string, values: unknown[]) => {
    cost.queries += 1;
    cost.now += 1;
    cost.most = Math.max(cost.most, cost.now);
    const result = await (pools.shift() ?? database.pool).query(text, values);
    cost.now -= 1;
    return result;
  };
  return { cost, isKnown: createSuspects({ query } as Queryable) };
}

test('a flood of secrets costs one query at a time, and the good one among them is found', async () => {
  const { id } = await ensureEnvironment(database.pool, randomUUID(), START);
  const key = await createApiKey(database.pool, id, START);
  const { cost, isKnown } = watched();
  const secrets = [...Array.from({ length: 2_000 }, () => randomUUID()), key, key];
  const answers = await Promise.all(secrets.map(isKnown));
  expect(answers.flatMap((known, at) => (known ? [secrets[at]] : []))).toEqual([key, key]);
  expect(cost.most).toBe(1);
  expect(cost.queries).toBeLessThan(10);
});

test('a database that cannot be asked is an error to its callers, and is asked again for the next ones', async () => {
  const gone = database.open(1);
  await gone.end();
  const { isKnown } = watched([gone]);
  await expect(isKnown('a')).rejects.toThrow();
  expect(await isKnown('a')).toBe(false);
});
