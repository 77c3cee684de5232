/** The share of its records that a comparison may delete, where a deployment does not say otherwise. */
export const DEFAULT_GUARD = 0.5;
const SMALLEST_GUARDED = 20;

/**
 * Whether a comparison would delete so much that the fetch behind it was probably incomplete: more than the share of at
 * least 20 records, or every single one of any number.
 * @param share of the live records, 0 to 1; 1 turns the guard off.
 */
export function isTooMuch({ stale, live, share }: { stale: number; live: number; share: number }): boolean {
  if (share >= 1 || stale === 0) return false;
  return stale >= live || (live >= SMALLEST_GUARDED && stale > share * live);
}
