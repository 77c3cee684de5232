import { endpointText } from './endpoints.ts';
import type { Endpoint } from './manifest.ts';

/** What an integration may have once only, and who has it: `sync 'tasks'`. */
export type Claims = { readonly endpoints: Map<string, string>; readonly models: Map<string, string> };

export function noClaims(): Claims {
  return { endpoints: new Map(), models: new Map() };
}

/** Takes an endpoint for `owner`; a text, worded to follow `<what> '<endpoint>': `, when somebody has it already. */
export function claimEndpoint(claims: Claims, endpoint: Endpoint, owner: string): string | undefined {
  const first = claim(claims.endpoints, endpointText(endpoint), owner);
  return first === undefined ? undefined : `expected an endpoint of its own in this integration (${first} has it)`;
}

/** Takes a model for the sync `owner`, in the same way: two syncs of one connection would overwrite each other's records. */
export function claimModel(claims: Claims, model: string, owner: string): string | undefined {
  const first = claim(claims.models, model, owner);
  return first === undefined
    ? undefined
    : `expected a model that no other sync of this integration saves (${first} does)`;
}

function claim(taken: Map<string, string>, key: string, owner: string): string | undefined {
  const first = taken.get(key);
  if (first === undefined) taken.set(key, owner);
  return first;
}
