import { keepPreviousData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import { useAsk, useEnvironment } from './environment.ts';

/** Of so many pages each is read again when something changes; of more, that would be many requests each second. */
export const LIVE_PAGES = 5;

/** What there is of a list beyond the rows that are there. */
export type More = {
  readonly has: boolean;
  readonly isReading: boolean;
  /** The last page held less than was asked for, though more pages follow: reading on is left to the person. */
  readonly isThin: boolean;
  /** Too much is there to follow every change. */
  readonly isLong: boolean;
  readonly read: () => void;
  /** Forgets all but the beginning, which is read anew. */
  readonly restart: () => void;
};

type PagesOptions<Page, Row> = {
  /** The path of a page: of the first one for null, or of the one that `nextOf` told. */
  readonly path: (place: string | null) => string;
  readonly rowsOf: (page: Page) => readonly Row[];
  /** Where the page behind this one begins; null at the end. `count` pages are there. */
  readonly nextOf: (page: Page, count: number) => string | null;
  readonly size: number;
  readonly live: 'live' | 'logs';
  readonly headers?: Readonly<Record<string, string>>;
};

/** Reads a list page by page; what was shown stays until the answer to another filter is there. Functions must be stable. */
export function usePages<Page, Row>({ path, rowsOf, nextOf, size, live, headers = {} }: PagesOptions<Page, Row>) {
  const ask = useAsk();
  const environment = useEnvironment();
  const queries = useQueryClient();
  const queryKey = [live, environment, 'pages', path(null), headers];
  const query = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam }) => ask<Page>('GET', path(pageParam), { headers }),
    initialPageParam: null as string | null,
    getNextPageParam: (last: Page, all: readonly Page[]) => nextOf(last, all.length),
    placeholderData: keepPreviousData,
  });
  const { data, error, isPending, hasNextPage, isFetching, fetchNextPage } = query;
  const rows = useMemo(() => data?.pages.flatMap((page) => [...rowsOf(page)]), [data, rowsOf]);
  const key = JSON.stringify(queryKey);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key by its text, which is the same as long as it says the same
  const restart = useCallback(() => {
    window.scrollTo(0, 0);
    void queries.resetQueries({ queryKey, exact: true });
  }, [queries, key]);
  const read = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  const last = data?.pages.at(-1);
  const more: More = {
    has: hasNextPage,
    isReading: isFetching,
    isThin: last !== undefined && rowsOf(last).length < size,
    isLong: (data?.pages.length ?? 0) > LIVE_PAGES,
    read,
    restart,
  };
  return { data: rows, error, isPending, more };
}
