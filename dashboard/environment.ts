import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useMemo } from 'react';
import { type Ask, askAs } from './api.ts';

export type Session = {
  readonly environments: readonly string[];
  readonly password_sign_in: boolean;
  readonly version: string;
  readonly server_url?: string;
  readonly callback_url?: string;
  readonly temporal_ui?: string | null;
};

export const sessionQuery = {
  queryKey: ['session'],
  queryFn: () => askAs(undefined)<Session>('GET', '/dashboard/session'),
  staleTime: 60_000,
} as const;

/** The environment of this page's address. */
export function useEnvironment(): string {
  return useParams({ strict: false }).env ?? '';
}

export function useAsk(): Ask {
  const environment = useEnvironment();
  return useMemo(() => askAs(environment), [environment]);
}

export function useSession(): Session | undefined {
  return useQuery(sessionQuery).data;
}

/**
 * Reads a path of the API for this environment. `live`: it is read again whenever runs or syncs have changed, with 'logs'
 * also when any other operation was added; what was shown stays until the new answer is there.
 */
export function useRead<T>(path: string, options: ReadOptions = {}) {
  const ask = useAsk();
  const environment = useEnvironment();
  const { live = false, enabled = true, headers } = options;
  return useQuery({
    queryKey: [live === true ? 'live' : live || 'still', environment, path, headers ?? null],
    queryFn: () => ask<T>('GET', path, headers === undefined ? {} : { headers }),
    enabled,
    ...(options.keep && { placeholderData: keepPreviousData }),
  });
}

type ReadOptions = {
  readonly live?: boolean | 'logs';
  readonly enabled?: boolean;
  /** Whether the answer for another page or filter is shown until the new one is there. */
  readonly keep?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
};
