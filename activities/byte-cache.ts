export type ByteCache<Value> = {
  readonly get: (key: string) => Value | undefined;
  /** What is larger than the whole cache is not kept. */
  readonly set: (key: string, value: Value, bytes: number) => void;
};

/**
 * What was used last, as much of it as fits. Counted in bytes, not in entries: what authors deploy may be a thousand times
 * larger than the usual.
 */
export function createByteCache<Value>(maxBytes: number): ByteCache<Value> {
  const kept = new Map<string, { readonly value: Value; readonly bytes: number }>();
  let total = 0;
  const drop = (key: string): void => {
    total -= kept.get(key)?.bytes ?? 0;
    kept.delete(key);
  };
  return {
    get: (key) => {
      const found = kept.get(key);
      if (found === undefined) return undefined;
      // A map keeps the order in which entries came: the one used least lately is the first.
      kept.delete(key);
      kept.set(key, found);
      return found.value;
    },
    set: (key, value, bytes) => {
      drop(key);
      if (bytes > maxBytes) return;
      kept.set(key, { value, bytes });
      total += bytes;
      for (const oldest of kept.keys()) {
        if (total <= maxBytes) return;
        drop(oldest);
      }
    },
  };
}
