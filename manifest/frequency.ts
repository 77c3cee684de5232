import ms from 'ms';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Words that stand for a time span after `every` (a month counts as 30 days). */
const NAMED_SPANS = new Map([
  ['quarter hour', HOUR / 4],
  ['half hour', HOUR / 2],
  ['hour', HOUR],
  ['half day', DAY / 2],
  ['day', DAY],
  ['week', 7 * DAY],
  ['month', 30 * DAY],
]);

/** The shortest frequency by version of the file: v1 was written against five minutes, v2 against thirty seconds. */
export const SHORTEST_INTERVAL = {
  v1: { ms: 5 * MINUTE, text: '5min' },
  v2: { ms: 30_000, text: '30s' },
} as const;
const LONGEST_MS = 31 * DAY;

export type Frequency = { readonly runs: string; readonly intervalMs: number } | { readonly fault: string };

/**
 * Reads `every 30min`, `every half hour`, `Every 2 days`: `runs` is the normal spelling. A fault says what is expected
 * and is worded to follow a colon. Never throws.
 */
export function parseFrequency(text: string, version: 'v1' | 'v2'): Frequency {
  const runs = text.slice(0, 200).trim().toLowerCase().replace(/\s+/g, ' ');
  if (!runs.startsWith('every '))
    return { fault: expectation(/^\d+ ?[a-z]+$/.test(runs) ? `every ${runs}` : undefined) };
  const intervalMs = spanMs(runs.slice('every '.length));
  if (intervalMs === undefined) return { fault: expectation(undefined) };
  const shortest = SHORTEST_INTERVAL[version];
  if (intervalMs < shortest.ms) return { fault: `the shortest frequency is ${shortest.text}` };
  if (intervalMs > LONGEST_MS) return { fault: 'the longest frequency is 31 days' };
  return { runs, intervalMs };
}

function spanMs(span: string): number | undefined {
  const named = NAMED_SPANS.get(span);
  if (named !== undefined) return named;
  // The unit is demanded here: `ms` would take a bare number for milliseconds.
  if (!/^(\d+|\d*\.\d+) ?[a-z]+$/.test(span)) return undefined;
  const parsed: number | undefined = ms(span as ms.StringValue);
  return parsed === undefined || !Number.isFinite(parsed) ? undefined : Math.round(parsed);
}

function expectation(suggestion: string | undefined): string {
  const forms =
    "expected 'every' and a time span, for example 'every 30min', 'every 2 hours', 'every half day', 'every week'";
  return suggestion === undefined ? forms : `expected '${suggestion}'`;
}
