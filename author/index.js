/**
 * The room `author/`: what an integrations project imports as `nango`. In the sandbox the engine's own copy takes its
 * place (sandbox/guest/author.ts); this one serves editors and an author's own tests in Node.
 */
const marked = (type) => (definition) => ({ type, ...definition });

export const createSync = marked('sync');
export const createAction = marked('action');
export const createOnEvent = marked('onEvent');

export class ActionError extends Error {
  type = 'action_script_runtime_error';

  constructor(payload) {
    super(typeof payload === 'string' ? payload : (payload?.message ?? 'ActionError'));
    this.name = 'ActionError';
    this.payload = payload;
  }
}
