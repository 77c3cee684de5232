/** What calls about records need to know of the run, and how they say what is wrong. */
import { codedError } from './errors.ts';

export type RecordRules = {
  readonly scriptName: string;
  readonly kind: 'sync' | 'action';
  /** Those that may be saved; any, where nobody says. */
  readonly models: readonly string[] | undefined;
  /** Characters of JSON in one call; a larger batch is sent in several. */
  readonly maxChunk: number;
};

/** The name of a model; whether it exists is the host's to say. */
export function checkedModel(rules: RecordRules, method: string, model: unknown): string {
  if (rules.kind === 'action') throw invalidCall(rules, method, 'only syncs have records');
  if (typeof model !== 'string') throw invalidCall(rules, method, "a model's name is expected");
  return model;
}

/** A mistake in a call, worded as what is expected instead. */
export function invalidCall(rules: RecordRules, method: string, expected: string): Error {
  return codedError('record_invalid', `nango.${method} in ${rules.kind} '${rules.scriptName}': ${expected}.`);
}
