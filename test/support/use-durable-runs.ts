import { afterAll, beforeAll } from '@jest/globals';
import type { ScriptLimits } from '../../activities/dependencies.ts';
import { type Closing, createClosing } from '../../runtime/closing.ts';
import { useDatabase } from './database.ts';
import { type DurableRuns, openDurableRuns } from './durable-runs.ts';

/** The proxy part of the provider `example` that tests use unless they say otherwise. */
const PROXY = { retry: { after: 'retry-after' } };

/** `openDurableRuns` on a database of the test file's own; everything closes after its last test. */
export function useDurableRuns(
  options: { readonly proxy?: Readonly<Record<string, unknown>>; readonly limits?: Partial<ScriptLimits> } = {},
): { readonly runs: DurableRuns } {
  const database = useDatabase();
  let closing: Closing = createClosing();
  let runs: DurableRuns | undefined;
  beforeAll(async () => {
    closing = createClosing();
    const providers = { example: { auth_mode: 'API_KEY', proxy: options.proxy ?? PROXY } };
    runs = await openDurableRuns({ db: database.pool, closing, providers, limits: options.limits ?? {} });
  });
  afterAll(() => closing.run());
  return {
    get runs() {
      if (runs === undefined) throw new Error('The runs are there from beforeAll on');
      return runs;
    },
  };
}
