/** Saved records checked against their models: counted and told by path, or refused, as the deployment says. */
import { EngineError } from '../contract/failures.ts';
import { createCheckers, type RecordChecker } from '../manifest/check-json.ts';
import type { RecordBatch } from '../manifest/record-batch.ts';
import { openTelling, violationsIn, violationText } from '../manifest/violations.ts';
import type { Violation } from '../contract/violation.ts';
import { schemaOfScript } from '../store/scripts.ts';
import type { Attempt } from '../store/runs.ts';
import { type ByteCache, createByteCache } from './byte-cache.ts';
import type { Dependencies } from './dependencies.ts';
import { untilStored } from './store-retry.ts';

export type Validation = {
  /**
   * What of the batch does not fit, and what the run's log should say of it: each kind of violation once.
   * @throws EngineError `record_invalid` naming the first record, where violations are errors.
   */
  readonly check: (
    model: string,
    batch: RecordBatch,
  ) => Promise<{ readonly violations: readonly Violation[]; readonly warnings: readonly string[] }>;
};

const NOTHING = { violations: [], warnings: [] } as const;

export function openValidation(deps: Pick<Dependencies, 'db'>, run: Attempt, signal: AbortSignal): Validation {
  let checkers: Promise<ReadonlyMap<string, RecordChecker> | undefined> | undefined;
  const newsOf = openTelling();
  return {
    check: async (model, batch) => {
      if (run.validation === 'off' || run.scriptId === null) return NOTHING;
      checkers ??= loadCheckers(deps, run.scriptId, signal);
      const checker = (await checkers)?.get(model);
      if (checker === undefined) return NOTHING;
      const violations = violationsIn(model, batch, checker);
      const [first] = violations;
      if (first !== undefined && run.validation === 'error') throw refusal(first, violations.length);
      return { violations, warnings: newsOf(violations) };
    },
  };
}

function refusal(first: Violation, kinds: number): EngineError {
  const others = kinds > 1 ? `, and ${kinds - 1} more` : '';
  return new EngineError('record_invalid', `batchSave: ${violationText(first)}${others}. None of the batch was saved.`);
}

// Compiling a schema takes some milliseconds; a worker keeps the last ones by their text.
const KEPT_CHARACTERS = 4 * 1024 * 1024;
type Checkers = { readonly byModel: ReadonlyMap<string, RecordChecker> | undefined };
const kept = new WeakMap<object, ByteCache<Checkers>>();

async function loadCheckers(deps: Pick<Dependencies, 'db'>, scriptId: string, signal: AbortSignal) {
  const text = await untilStored(() => schemaOfScript(deps.db, scriptId), signal);
  if (text === undefined) return undefined;
  const cache = kept.get(deps.db) ?? createByteCache<Checkers>(KEPT_CHARACTERS);
  kept.set(deps.db, cache);
  const cached = cache.get(text);
  if (cached !== undefined) return cached.byModel;
  const byModel = createCheckers(JSON.parse(text));
  cache.set(text, { byModel }, text.length);
  return byModel;
}
