import type { RequestConfig } from '../contract/host.ts';
import type { Provider } from './provider.ts';

/**
 * Whether a call may be made twice without harm: reads by their method, pages of `paginate`, GraphQL without a mutation,
 * and the paths the provider names as reading (`proxy.read_only`, regular expressions). All else changes the world.
 */
export function isRepeatable(config: RequestConfig, provider: Provider): boolean {
  if (config.method === 'GET' || config.paginated === true) return true;
  if (isGraphqlQuery(config)) return true;
  const patterns = provider.proxy?.read_only ?? [];
  return patterns.some((pattern) => new RegExp(pattern).test(config.endpoint));
}

function isGraphqlQuery({ method, data }: RequestConfig): boolean {
  if (method !== 'POST' || typeof data !== 'object' || data === null || !('query' in data)) return false;
  const { query } = data;
  // An operation that changes something spells its kind; an unnamed one (`{ … }`) can only be a query.
  return (
    typeof query === 'string' && /^\s*(#.*\n\s*)*(query\b|\{|fragment\b)/.test(query) && !/\bmutation\b/.test(query)
  );
}
