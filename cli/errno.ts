/** The code of an error of Node's own (`ENOENT`, `ECONNREFUSED`). By its shape: `instanceof` fails across realms. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
