import type { OnEvent } from '../contract/on-events.ts';

/**
 * The room `manifest/`: what an author declares, as data. A `nango.yaml` goes in, a `Manifest` comes out, and from it
 * the types of `models.ts`, scaffolds and record checks follow. Everything here is a pure function of its arguments:
 * no files, no network, no clock, so that the CLI, the API and the worker reach the same rules.
 * Every project form (v1, v2, zero-yaml) ends in this same `Manifest`.
 */
export type Manifest = {
  readonly version: 'v1' | 'v2' | 'zero-yaml';
  readonly integrations: readonly Integration[];
  readonly models: readonly Model[];
  /** What does not stop the project but probably is not meant. */
  readonly warnings: readonly Mistake[];
};

export type Integration = {
  /** The integration's id, exactly as it is spelt on the server. */
  readonly name: string;
  readonly syncs: readonly SyncDefinition[];
  readonly actions: readonly ActionDefinition[];
  readonly onEvents: readonly OnEventDefinition[];
};

/** Lines and columns count from 1. */
export type Position = { readonly line: number; readonly column: number };

export type SyncDefinition = Position & {
  readonly name: string;
  readonly description?: string;
  /** The frequency as written, in lower case and single spaces: `every 30min`. */
  readonly runs: string;
  readonly intervalMs: number;
  /** Names of the models this sync saves; each exists and has an `id`. */
  readonly returns: readonly string[];
  readonly trackDeletes: boolean;
  readonly autoStart: boolean;
  readonly syncType: 'full' | 'incremental';
  readonly version?: string;
  /** What the metadata of a connection is expected to be. */
  readonly input?: TypeExpression;
  readonly scopes?: readonly string[];
  /** One for each model, or none. */
  readonly endpoints?: readonly Endpoint[];
  readonly webhookSubscriptions?: readonly string[];
  /** Its types as JSON Schema, where they are not models of the Manifest but the script's own (zero-yaml). */
  readonly schema?: SchemaDocument;
};

export type ActionDefinition = Position & {
  readonly name: string;
  readonly description?: string;
  readonly input?: TypeExpression;
  readonly output?: TypeExpression;
  readonly version?: string;
  readonly scopes?: readonly string[];
  /** At most one. */
  readonly endpoints?: readonly Endpoint[];
  /** As that of a sync. */
  readonly schema?: SchemaDocument;
};

export type JsonSchema = { readonly [key: string]: unknown };
export type SchemaDocument = {
  readonly $schema: string;
  readonly definitions: { readonly [model: string]: JsonSchema };
};

export type OnEventDefinition = Position & {
  readonly name: string;
  readonly event: OnEvent;
  /** Written as `post-connection-scripts`; then its file lies in a folder of that name. */
  readonly isOldForm: boolean;
};

/** The address under which the incumbent offers a script besides its name. Kept and deployed; nothing answers there. */
export type Endpoint = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly group?: string;
};

export type Model = Position & {
  readonly name: string;
  readonly type: TypeExpression;
};

export type PrimitiveName =
  | 'string'
  | 'number'
  | 'boolean'
  | 'bigint'
  | 'date'
  | 'null'
  | 'undefined'
  | 'void'
  | 'never'
  | 'any'
  | 'unknown';

/** A type of the model language. `extends` is already resolved: an object carries the fields it inherits. */
export type TypeExpression =
  | { readonly kind: 'primitive'; readonly name: PrimitiveName }
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  | { readonly kind: 'model'; readonly name: string }
  | { readonly kind: 'array'; readonly element: TypeExpression }
  | { readonly kind: 'union'; readonly members: readonly TypeExpression[] }
  | ObjectType;

export type ObjectType = {
  readonly kind: 'object';
  readonly fields: readonly Field[];
  /** The type of every key that is not a field; absent when there are none. */
  readonly index?: TypeExpression;
};

export type Field = { readonly name: string; readonly type: TypeExpression; readonly optional: boolean };

/** One thing that is wrong in an author's file, said as `<what> '<value>': <what is expected>`. */
export type Mistake = Position & {
  readonly file: string;
  readonly message: string;
  /** The name of its kind for tools, those of the incumbent's parser where it has one (facts: section 2.5). */
  readonly code?: string;
};

/** `file:line:column: message`, the form that editors and terminals turn into a link. */
export function mistakeLine(mistake: Mistake): string {
  return `${mistake.file}:${mistake.line}:${mistake.column}: ${mistake.message}`;
}
