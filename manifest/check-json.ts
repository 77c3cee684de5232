/** Records against the JSON Schema that was deployed with their sync. */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import type { Difference } from './check-record.ts';

export type RecordChecker = (record: unknown) => readonly Difference[];

/**
 * A checker for each model that the schema defines. What the schema does not name is allowed. Patterns are not looked
 * at: a deployed one could keep the engine busy for ever. Undefined for a text that is no usable schema.
 * @param document JSON Schema (draft 7) with `definitions`.
 */
export function createCheckers(document: unknown): ReadonlyMap<string, RecordChecker> | undefined {
  const definitions = definitionsOf(document);
  if (definitions === undefined) return undefined;
  const ajv = new Ajv({
    strict: false,
    allErrors: true,
    logger: false,
    validateSchema: false,
    code: { regExp: Object.assign(() => ({ test: () => true }), { code: '' }) },
  });
  // As the published types of this CommonJS package do not say: what is imported is the plugin itself.
  (formats as unknown as (on: Ajv) => void)(ajv);
  try {
    ajv.addSchema({ ...(document as object), $id: 'models' });
    return new Map(
      Object.keys(definitions).map((model) => {
        const validate = ajv.compile({ $ref: `models#/definitions/${model}` });
        return [model, (record: unknown) => differencesOf(validate, record)] as const;
      }),
    );
  } catch {
    return undefined;
  }
}

function definitionsOf(document: unknown): object | undefined {
  if (typeof document !== 'object' || document === null || !('definitions' in document)) return undefined;
  const { definitions } = document;
  return typeof definitions === 'object' && definitions !== null ? definitions : undefined;
}

const MOST = 20;

function differencesOf(validate: ValidateFunction, record: unknown): Difference[] {
  if (validate(record)) return [];
  const errors = validate.errors ?? [];
  // Of a union each member complains, at its own depth; the union's own error says all there is to say.
  const unions = errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf');
  const isInUnion = (error: ErrorObject) =>
    unions.some((union) => union !== error && error.schemaPath.startsWith(`${union.schemaPath}/`));
  return errors
    .filter((error) => !isInUnion(error))
    .slice(0, MOST)
    .map((error) => ({ path: pathOf(error), expected: error.message ?? error.keyword, got: '' }));
}

/** `owner.tags[2]`, as in JavaScript; a missing key is part of its path. */
function pathOf({ instancePath, keyword, params }: ErrorObject): string {
  const parts = instancePath.split('/').slice(1).map(unescaped);
  if (keyword === 'required') parts.push(String(params['missingProperty']));
  return parts.reduce((path, part) => {
    if (/^\d+$/.test(part)) return `${path}[${part}]`;
    return path === '' ? part : `${path}.${part}`;
  }, '');
}

function unescaped(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}
