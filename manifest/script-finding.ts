import type { Position } from './manifest.ts';
import type { SyntaxNode } from './script-tree.ts';

/** What the static rules are asked, and what they answer. */
export type ScriptToCheck = {
  /** As messages and links name it; nothing is read. */
  readonly file: string;
  readonly text: string;
  /** `module`: a file that scripts import, which has no entry of its own. */
  readonly kind: 'sync' | 'action' | 'on-event' | 'module';
  readonly form: 'yaml' | 'zero-yaml';
  /** Packages the project has installed: they are bundled, so scripts may import them. */
  readonly packages?: readonly string[];
  /** The models a sync declares. */
  readonly models?: readonly string[];
};

export type FindingCode =
  | 'syntax_error'
  | 'disallowed_import'
  | 'method_need_await'
  | 'retryon_need_retries'
  | 'method_not_in_actions'
  | 'merging_strategy_too_late'
  | 'track_deletes_unpaired'
  | 'track_deletes_out_of_order'
  | 'delete_records_out_of_order'
  | 'model_never_saved'
  | 'nango_invalid_default_export'
  | 'nango_unsupported_export'
  | 'nango_named_export_not_allowed'
  | 'nango_invalid_function_param';

/** One thing found in a script. A warning does not stop the project. */
export type ScriptFinding = Position & {
  readonly code: FindingCode;
  readonly message: string;
  readonly severity: 'error' | 'warning';
};

/** How a rule says what it found. */
export type Report = (node: SyntaxNode, code: FindingCode, message: string) => void;
