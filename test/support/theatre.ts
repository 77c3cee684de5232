import { afterAll, beforeAll } from '@jest/globals';
import { openTheatre, type Theatre } from '../../bench/chaos/theatre.ts';
import { createClosing } from '../../runtime/closing.ts';
import { type TestDatabase, useDatabase } from './database.ts';
import { type TestTemporal, useTemporal } from './temporal.ts';

/** The API in this process and so many real worker processes, on a Postgres and a Temporal of the test file's own. */
export function useTheatre(options: {
  readonly workers: number;
  readonly settings?: Readonly<Record<string, string>>;
}): {
  readonly theatre: Theatre;
  readonly temporal: TestTemporal;
  readonly database: TestDatabase;
} {
  const closing = createClosing();
  // Registered first: hooks run in this order, and workers must stop before the servers they hold on to.
  afterAll(() => closing.run(), 60_000);
  const database = useDatabase();
  const temporal = useTemporal();
  let theatre: Theatre | undefined;
  beforeAll(async () => {
    const given = { databaseUrl: database.url, temporalAddress: temporal.server.address };
    theatre = await openTheatre(closing, { ...given, ...options });
  }, 120_000);
  return {
    temporal,
    database,
    get theatre() {
      if (theatre === undefined) throw new Error('The theatre is there from beforeAll on');
      return theatre;
    },
  };
}
