import { useSyncExternalStore } from 'react';
import { relative } from '../words.ts';

const EVERY_MS = 5_000;
const listeners = new Set<() => void>();
let now = new Date();
setInterval(() => {
  now = new Date();
  for (const tell of listeners) tell();
}, EVERY_MS);

/** The time, moving on for everyone on the page at once. */
export function useNow(): Date {
  return useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => now,
  );
}

/** A moment as the distance from now; the whole of it on hover. */
export function Moment({ at, none = '–' }: { readonly at: string | null | undefined; readonly none?: string }) {
  const moment = useNow();
  if (!at) return <span>{none}</span>;
  const date = new Date(at);
  return (
    <time dateTime={at} title={`${date.toLocaleString()} (${at})`} style={{ whiteSpace: 'nowrap' }}>
      {relative(date, moment)}
    </time>
  );
}
