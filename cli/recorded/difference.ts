/** Where two JSON values differ, for people. Pure. */

const MOST = 20;
const LONGEST = 120;

/** One line a place, `saved.Task[3].title: expected "a", got "b"`; empty when they are strictly equal. */
export function differences(expected: unknown, got: unknown, path: string): string[] {
  const found: string[] = [];
  compare(expected, got, path, found);
  return found.length > MOST ? [...found.slice(0, MOST), `… and ${found.length - MOST} more`] : found;
}

function compare(expected: unknown, got: unknown, path: string, found: string[]): void {
  if (Object.is(expected, got)) return;
  if (Array.isArray(expected) && Array.isArray(got)) {
    if (expected.length !== got.length) found.push(`${path}: expected ${expected.length} items, got ${got.length}`);
    for (let index = 0; index < Math.min(expected.length, got.length); index += 1)
      compare(expected[index], got[index], `${path}[${index}]`, found);
    return;
  }
  if (isObject(expected) && isObject(got)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(got)])) {
      const place = /^[a-zA-Z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
      if (!Object.hasOwn(got, key)) found.push(`${place}: expected ${shown(expected[key])}, got nothing`);
      else if (!Object.hasOwn(expected, key)) found.push(`${place}: expected nothing, got ${shown(got[key])}`);
      else compare(expected[key], got[key], place, found);
    }
    return;
  }
  found.push(`${path}: expected ${shown(expected)}, got ${shown(got)}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
