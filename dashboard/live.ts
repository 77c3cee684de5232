import { type Query, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { LIVE_PAGES } from './pages.ts';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

/** Follows the server's events for an environment and reads what they are about again. Answers whether it hears them. */
export function useLive(environment: string): boolean {
  const queries = useQueryClient();
  const [hears, setHears] = useState(false);
  useEffect(() => {
    const leaving = new AbortController();
    const onChange = (kinds: readonly ('live' | 'logs')[]) => {
      for (const kind of kinds)
        void queries.invalidateQueries({ queryKey: [kind, environment], predicate: isFollowed });
    };
    void follow(environment, leaving.signal, setHears, onChange);
    return () => leaving.abort();
  }, [environment, queries]);
  return hears;
}

function isFollowed({ state }: Query): boolean {
  const pages = (state.data as { pages?: readonly unknown[] } | undefined)?.pages;
  return pages === undefined || pages.length <= LIVE_PAGES;
}

/** Not an EventSource: that one cannot name the environment in a header. */
async function follow(
  environment: string,
  signal: AbortSignal,
  setHears: (hears: boolean) => void,
  onChange: (kinds: readonly ('live' | 'logs')[]) => void,
): Promise<void> {
  const headers = { 'x-nango-environment': encodeURIComponent(environment) };
  for (let wait = FIRST_WAIT_MS; !signal.aborted; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
    try {
      const response = await fetch('/dashboard/events', { headers, signal });
      if (response.status === 401) onChange(['live', 'logs']);
      const reader = response.ok ? response.body?.pipeThrough(new TextDecoderStream()).getReader() : undefined;
      for (;;) {
        const read = await reader?.read();
        if (read === undefined || read.done) break;
        wait = FIRST_WAIT_MS;
        setHears(true);
        if (read.value.includes('event: change')) onChange(['live', 'logs']);
        else if (read.value.includes('event: logs')) onChange(['logs']);
      }
    } catch {
      // The server restarts, or the page is left.
    }
    if (signal.aborted) return;
    setHears(false);
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
