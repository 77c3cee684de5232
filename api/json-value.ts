const MAX_DEPTH = 200;

/** What keeps a JSON value out of a jsonb column, worded to follow a colon; undefined when nothing does. Never recurses. */
export function jsonFault(value: unknown): string | undefined {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) return `expected at most ${MAX_DEPTH} levels of nesting`;
    const next: unknown[] = [];
    for (const item of level) {
      if (typeof item === 'string' && item.includes('\u0000')) return 'expected text without NUL characters';
      if (typeof item !== 'object' || item === null) continue;
      for (const [key, inner] of Object.entries(item)) {
        if (key.includes('\u0000')) return 'expected keys without NUL characters';
        next.push(inner);
      }
    }
    level = next;
  }
  return undefined;
}
