import type { Queryable } from './db.ts';

export type SealedVariable = { readonly name: string; readonly sealedValue: string };

/** In the order of their names. */
export async function listVariables(db: Queryable, environmentId: string): Promise<SealedVariable[]> {
  const result = await db.query<SealedVariable>(
    `select name, value as "sealedValue" from environment_variables where environment_id = $1::bigint order by name`,
    [environmentId],
  );
  return result.rows;
}

/** Makes these all the variables there are. */
export async function replaceVariables(
  db: Queryable,
  environmentId: string,
  variables: readonly SealedVariable[],
): Promise<void> {
  await db.query(
    `delete from environment_variables where environment_id = $1::bigint and not (name = any($2::text[]))`,
    [environmentId, variables.map(({ name }) => name)],
  );
  await db.query(
    `insert into environment_variables (environment_id, name, value)
     select $1::bigint, x.name, x.value from unnest($2::text[], $3::text[]) as x (name, value)
     on conflict (environment_id, name) do update set value = excluded.value`,
    [environmentId, variables.map(({ name }) => name), variables.map(({ sealedValue }) => sealedValue)],
  );
}
