import { EngineError } from '../contract/failures.ts';
import type { ScriptBundle } from '../contract/script.ts';
import { findBundle } from '../store/scripts.ts';
import type { Dependencies } from './dependencies.ts';
import { untilStored } from './store-retry.ts';

const KEPT_BUNDLES = 200;
const kept = new WeakMap<object, Map<string, ScriptBundle>>();

/** Bundles are immutable and small in number: a worker keeps the last ones, so that an action needs no query for its own. */
export async function loadBundle(deps: Dependencies, hash: string, signal: AbortSignal): Promise<ScriptBundle> {
  const cache = kept.get(deps.db) ?? new Map<string, ScriptBundle>();
  kept.set(deps.db, cache);
  const cached = cache.get(hash);
  if (cached) return cached;
  const bundle = await untilStored(() => findBundle(deps.db, hash), signal);
  if (bundle === undefined) throw new EngineError('internal', `Bundle '${hash}' is not stored`);
  if (cache.size >= KEPT_BUNDLES) cache.delete(cache.keys().next().value ?? '');
  cache.set(hash, bundle);
  return bundle;
}
