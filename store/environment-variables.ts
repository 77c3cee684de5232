/** What scripts and applications read by name; values are sealed. */
import type { Queryable } from './db.ts';
import type { SecretBox } from './secret-box.ts';

export type EnvironmentVariable = { readonly name: string; readonly value: string };

/** All of an environment, by name. */
export async function environmentVariables(
  db: Queryable,
  box: SecretBox,
  environmentId: string,
): Promise<EnvironmentVariable[]> {
  const result = await db.query<EnvironmentVariable>(
    `select name, value from environment_variables where environment_id = $1::bigint order by name`,
    [environmentId],
  );
  return result.rows.map(({ name, value }) => ({ name, value: box.open(value) }));
}

/** Sets these variables; those that are not named stay. */
export async function putEnvironmentVariables(
  db: Queryable,
  { box, at }: { readonly box: SecretBox; readonly at: Date },
  environmentId: string,
  variables: readonly EnvironmentVariable[],
): Promise<void> {
  await db.query(
    `insert into environment_variables (environment_id, name, value, updated_at)
     select $1::bigint, x.name, x.value, $3::timestamptz
     from jsonb_to_recordset($2::jsonb) as x (name text, value text)
     on conflict on constraint environment_variables_name do update set value = excluded.value, updated_at = excluded.updated_at`,
    [environmentId, JSON.stringify(variables.map(({ name, value }) => ({ name, value: box.seal(value) }))), at],
  );
}

/** False when there is no such variable. */
export async function deleteEnvironmentVariable(db: Queryable, environmentId: string, name: string): Promise<boolean> {
  const result = await db.query(
    `delete from environment_variables where environment_id = $1::bigint and name = $2::text`,
    [environmentId, name],
  );
  return result.rowCount === 1;
}
