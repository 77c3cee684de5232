/** A record on its way into the database. `digest`: of its text, null when nobody has seen that. */
export type Row = { readonly id: string; readonly text: string; readonly digest: string | null };

/** What tells a pruned payload from another one: the hash of its text, in which jsonb has put the keys in order. */
export function hashOf(payload: string): string {
  return `sha256(convert_to(${payload}::text, 'UTF8'))`;
}
