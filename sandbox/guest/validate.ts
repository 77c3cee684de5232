/** Checks of a definition by its own schemas, for dry runs: what production lets through is told here. */
import type { Definition } from './author.ts';
import { codedError } from './errors.ts';

type Issue = { readonly path: readonly PropertyKey[]; readonly message: string };
type Schema = {
  safeParse(value: unknown): { success: true } | { success: false; error: { issues: readonly Issue[] } };
};
type Saving = { batchSave(rows: unknown, model: unknown): Promise<unknown> };

/** Throws `record_invalid` naming each place that does not fit. A definition without that schema lets everything pass. */
export function checkValue(definition: Definition, side: 'input' | 'output', value: unknown): void {
  check(definition[side], value, side);
}

/** `nango` whose batchSave checks each row by its model's schema before it saves any. */
export function withCheckedRows<Nango extends object>(definition: Definition, nango: Nango): Nango {
  const models = definition['models'] as { readonly [model: string]: unknown } | undefined;
  const { batchSave } = nango as unknown as Saving;
  const checked = async (rows: unknown, model: unknown): Promise<unknown> => {
    for (const [index, row] of (Array.isArray(rows) ? rows : []).entries())
      check(models?.[String(model)], row, `record ${index} of '${String(model)}'`);
    return batchSave(rows, model);
  };
  return { ...nango, batchSave: checked, batchSend: checked };
}

function check(schema: unknown, value: unknown, what: string): void {
  if (typeof schema !== 'object' || schema === null || !('safeParse' in schema)) return;
  const result = (schema as Schema).safeParse(value);
  if (result.success) return;
  const lines = result.error.issues.map(
    ({ path, message }) => `${path.map(String).join('.') || 'the value'}: ${message}`,
  );
  throw codedError('record_invalid', `${what} does not fit its schema: ${lines.join('; ')}`);
}
