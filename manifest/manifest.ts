/**
 * The room `manifest/`: what an author declares, as data. A `nango.yaml` goes in, a `Manifest` comes out, and from it
 * the types of `models.ts`, scaffolds and record checks follow. Everything here is a pure function of its arguments:
 * no files, no network, no clock, so that the CLI, the API and the worker reach the same rules.
 * Each project form (v1 and v2 of the file, zero-yaml) has a reader of its own, and all end in this same `Manifest`.
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
  /** The provider's name where the file tells it from the integration's. */
  readonly provider?: string;
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
  /** Empty, or one for each of `returns`. */
  readonly endpoints: readonly Endpoint[];
  readonly scopes: readonly string[];
  readonly webhookSubscriptions: readonly string[];
  /** What the connection's metadata holds. */
  readonly input?: TypeExpression;
  readonly checkpoint?: TypeExpression;
};

export type ActionDefinition = Position & {
  readonly name: string;
  readonly description?: string;
  readonly input?: TypeExpression;
  readonly output?: TypeExpression;
  readonly version?: string;
  readonly endpoint?: Endpoint;
  readonly scopes: readonly string[];
  /** What the connection's metadata holds. */
  readonly metadata?: TypeExpression;
  readonly checkpoint?: TypeExpression;
};

export const ON_EVENTS = ['post-connection-creation', 'pre-connection-deletion', 'validate-connection'] as const;
export type OnEvent = (typeof ON_EVENTS)[number];

export type OnEventDefinition = Position & {
  readonly name: string;
  readonly event: OnEvent;
  readonly description?: string;
  readonly version?: string;
  readonly metadata?: TypeExpression;
  readonly checkpoint?: TypeExpression;
};

export const ENDPOINT_METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type Endpoint = {
  readonly method: (typeof ENDPOINT_METHODS)[number];
  readonly path: string;
  readonly group?: string;
};

export type Model = Position & {
  readonly name: string;
  readonly type: TypeExpression;
  /** Set where names are those of one integration; absent where they are those of the whole project. */
  readonly integration?: string;
  /** Made for an input or output that is no model by itself; no record can be of it. */
  readonly anonymous?: true;
  /** The author's own JSON Schema (references lead to `#/definitions/<model>`): it says more than `type`. */
  readonly schema?: unknown;
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

/**
 * One thing that is wrong in an author's file, said as `<what> '<value>': <what is expected>`. `code` names the kind of
 * mistake in the incumbent's words (facts: section 2.5), where it has one.
 */
export type Mistake = Position & { readonly file: string; readonly message: string; readonly code?: MistakeCode };

export type MistakeCode =
  | 'invalid_model_name'
  | 'duplicate_model'
  | 'model_not_found'
  | 'model_missing_id'
  | 'duplicate_endpoint'
  | 'endpoints_mismatch'
  | 'invalid_runs'
  | 'model_extends_not_found'
  | 'type_syntax_error'
  | 'both_post_connection_scripts_and_on_events_present'
  | 'failed_to_parse_array'
  | 'failed_to_parse_object'
  | 'failed_to_parse_union'
  | 'model_is_literal'
  | 'cyclic_model'
  | 'model_not_found_fallback'
  | 'plural_model_name'
  | 'unused_model'
  | 'not_supported_yet';

/** The models a script of this integration can mean. */
export function modelsOf(manifest: Manifest, integration: string): readonly Model[] {
  return manifest.models.filter((model) => model.integration === undefined || model.integration === integration);
}

/** `file:line:column: message`, the form that editors and terminals turn into a link. */
export function mistakeLine(mistake: Mistake): string {
  return `${mistake.file}:${mistake.line}:${mistake.column}: ${mistake.message}`;
}
