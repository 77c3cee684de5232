import { EngineError } from '../contract/failures.ts';
import type { ScriptBundle } from '../contract/script.ts';
import { findBundle } from '../store/scripts.ts';
import { type ByteCache, createByteCache } from './byte-cache.ts';
import type { Dependencies } from './dependencies.ts';
import { untilStored } from './store-retry.ts';

const KEPT_BYTES = 64 * 1024 * 1024;
/** A text with one letter outside Latin-1 takes two bytes for each. */
const BYTES_PER_CHARACTER = 2;
const kept = new WeakMap<object, ByteCache<ScriptBundle>>();

/** Bundles are immutable: a worker keeps the last ones, so that an action needs no query for its own. */
export async function loadBundle(deps: Dependencies, hash: string, signal: AbortSignal): Promise<ScriptBundle> {
  const cache = kept.get(deps.db) ?? createByteCache<ScriptBundle>(KEPT_BYTES);
  kept.set(deps.db, cache);
  const cached = cache.get(hash);
  if (cached) return cached;
  const bundle = await untilStored(() => findBundle(deps.db, hash), signal);
  if (bundle === undefined) throw new EngineError('internal', `Bundle '${hash}' is not stored`);
  cache.set(hash, bundle, BYTES_PER_CHARACTER * (bundle.code.length + bundle.sourceMap.length));
  return bundle;
}
