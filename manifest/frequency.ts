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
const SHORTEST_INTERVAL = {
  v1: { ms: 5 * MINUTE, text: '5min' },
  v2: { ms: 30_000, text: '30s' },
} as const;
const LONGEST_MS = 31 * DAY;

/** A time of day, on every day or on one day of the week (0 is Sunday), by the clocks of a zone. */
export type FixedTime = {
  readonly weekday?: number;
  readonly hour: number;
  readonly minute: number;
  /** As the time zone database spells it, for instance `Europe/Berlin`. */
  readonly timeZone: string;
};
export type KnownFrequency = {
  /** The normal spelling. */
  readonly runs: string;
  readonly intervalMs: number;
  /** Absent: counted from one run to the next. */
  readonly at?: FixedTime;
};
export type Frequency = KnownFrequency | { readonly fault: string };

const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const FIXED_TIME = /^every (day|[a-z]+day) at (\d\d?):(\d\d)(?: (\S+))?$/;

/**
 * Reads `every 30min`, `every half hour`, `Every 2 days`, and as our addition `every day at 06:00 Europe/Berlin` and
 * `every monday at 9:30`: `runs` is the normal spelling. A fault says what is expected and is worded to follow a colon.
 * Never throws.
 */
export function parseFrequency(text: string, version: 'v1' | 'v2'): Frequency {
  const runs = text.slice(0, 200).trim().toLowerCase().replace(/\s+/g, ' ');
  if (!runs.startsWith('every '))
    return { fault: expectation(/^\d+ ?[a-z]+$/.test(runs) ? `every ${runs}` : undefined) };
  if (runs.includes(' at ')) return fixedTime(runs);
  const intervalMs = spanMs(runs.slice('every '.length));
  if (intervalMs === undefined) return { fault: expectation(undefined) };
  const shortest = SHORTEST_INTERVAL[version];
  if (intervalMs < shortest.ms) return { fault: `the shortest frequency is ${shortest.text}` };
  if (intervalMs > LONGEST_MS) return { fault: 'the longest frequency is 31 days' };
  return { runs, intervalMs };
}

function fixedTime(runs: string): Frequency {
  const [, day = '', hour = '', minute = '', zone = 'utc'] = FIXED_TIME.exec(runs) ?? [];
  const weekday = day === 'day' ? undefined : WEEKDAYS.indexOf(day);
  if (day === '' || weekday === -1 || Number(hour) > 23 || Number(minute) > 59)
    return {
      fault: "expected a day and a time, for example 'every day at 06:00 Europe/Berlin' or 'every monday at 09:30'",
    };
  const timeZone = zoneNamed(zone);
  if (timeZone === undefined)
    return { fault: `'${zone}' is no time zone: expected a name such as 'Europe/Berlin', or none for UTC` };
  const at = { hour: Number(hour), minute: Number(minute), timeZone, ...(weekday !== undefined && { weekday }) };
  const normal = `every ${day} at ${hour.padStart(2, '0')}:${minute} ${timeZone}`;
  return { runs: normal, intervalMs: weekday === undefined ? DAY : 7 * DAY, at };
}

/** The zone as the database spells it; offsets such as `+02:00` are no zones, since they know no summer. */
function zoneNamed(name: string): string | undefined {
  if (!/^[a-z]/.test(name)) return undefined;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
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
