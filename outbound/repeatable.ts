import type { RequestConfig } from '../contract/host.ts';
import type { Provider } from './provider.ts';

/**
 * Whether a call may be made twice without harm: reads by their method, pages of `paginate`, GraphQL without a mutation,
 * and POSTs to the paths the provider names as reading (`proxy.read_only`, regular expressions). All else changes the world.
 */
export function isRepeatable(config: RequestConfig, provider: Provider): boolean {
  if (config.method === 'GET' || config.paginated === true) return true;
  if (isGraphqlQuery(config)) return true;
  return config.method === 'POST' && matchesAny(config.endpoint, provider.proxy?.read_only ?? []);
}

/**
 * The header in which this call takes an idempotency key, or undefined where the API has none or does not heed it on
 * this path (`proxy.idempotency_paths`, regular expressions): a key that is ignored would make a repetition unsafe.
 */
export function idempotencyHeader(config: RequestConfig, { proxy }: Provider): string | undefined {
  const paths = proxy?.idempotency_paths;
  return paths === undefined || matchesAny(config.endpoint, paths) ? proxy?.idempotency_header : undefined;
}

function matchesAny(endpoint: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => new RegExp(pattern).test(endpoint));
}

function isGraphqlQuery({ method, data }: RequestConfig): boolean {
  if (method !== 'POST' || typeof data !== 'object' || data === null || !('query' in data)) return false;
  const { query } = data;
  // An operation that changes something spells its kind; an unnamed one (`{ … }`) can only be a query.
  return (
    typeof query === 'string' && /^\s*(#.*\n\s*)*(query\b|\{|fragment\b)/.test(query) && !/\bmutation\b/.test(query)
  );
}
