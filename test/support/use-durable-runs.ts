import { afterAll, beforeAll } from '@jest/globals';
import type { ScriptLimits } from '../../activities/dependencies.ts';
import { type Closing, createClosing } from '../../runtime/closing.ts';
import type { Database } from '../../store/db.ts';
import { useDatabase } from './database.ts';
import { type DurableRuns, openDurableRuns } from './durable-runs.ts';

/**
 * `openDurableRuns` on a database of the test file's own; everything closes after its last test.
 * @param options.proxy the proxy part of the provider `example`, asked for once the file's servers are there.
 */
export function useDurableRuns(
  options: { readonly proxy?: () => Readonly<Record<string, unknown>>; readonly limits?: Partial<ScriptLimits> } = {},
): { readonly runs: DurableRuns; readonly pool: Database; readonly open: (max: number) => Database } {
  const database = useDatabase();
  let closing: Closing = createClosing();
  let runs: DurableRuns | undefined;
  beforeAll(async () => {
    closing = createClosing();
    const providers = { example: { auth_mode: 'API_KEY', proxy: options.proxy?.() ?? {} } };
    runs = await openDurableRuns({ db: database.pool, closing, providers, limits: options.limits ?? {} });
  });
  afterAll(() => closing.run());
  return {
    open: database.open,
    get pool() {
      return database.pool;
    },
    get runs() {
      if (runs === undefined) throw new Error('The runs are there from beforeAll on');
      return runs;
    },
  };
}
