/** What scripts find when they import `nango`: helpers that mark a definition, and nothing that does anything. */
import { ActionError } from './errors.ts';

export type Definition = {
  readonly type: 'sync' | 'action' | 'onEvent';
  readonly exec: (nango: object, input?: unknown) => unknown;
  /** Of a sync that subscribes to webhooks. */
  readonly onWebhook?: (nango: object, payload: unknown) => unknown;
  readonly [property: string]: unknown;
};

/** The module `nango`. Its helpers answer what they are given and its `type`, as the incumbent's do. */
export const authorModule = {
  createSync: marked('sync'),
  createAction: marked('action'),
  createOnEvent: marked('onEvent'),
  ActionError,
};

/** The module `nango/experimental`. */
export const experimentalModule = {
  createFunction: (): never => {
    throw new Error("createFunction of 'nango/experimental' does not exist here: use createSync or createAction.");
  },
};

/** Whether a script's default export is a definition rather than a function. */
export function isDefinition(value: unknown): value is Definition {
  if (typeof value !== 'object' || value === null || !('type' in value) || !('exec' in value)) return false;
  return ['sync', 'action', 'onEvent'].includes(String(value.type)) && typeof value.exec === 'function';
}

function marked(type: Definition['type']): (definition: object) => object {
  return (definition) => ({ type, ...definition });
}
