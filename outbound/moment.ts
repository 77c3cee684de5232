/** A moment as an API wants to read it. Pure. */

const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October'];
MONTHS.push('November', 'December');
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
/** A text in brackets stands for itself; longer tokens come before the shorter ones that they begin with. */
const TOKENS = /\[([^\]]*)\]|YYYY|YY|MMMM|MMM|MM|M|DD|D|dddd|ddd|HH|H|hh|h|mm|m|SSS|ss|s|A|a|ZZ|Z|X|x/g;

/**
 * The moment in UTC by a format of Day.js's letters: `YYYY-MM-DDTHH:mm:ss.SSS`, `ddd, DD MMM YYYY HH:mm:ss ZZ`, `X` for
 * seconds and `x` for milliseconds since 1970. What is no token stays as it is.
 */
export function formatMoment(moment: Date, format: string): string {
  return format.replace(TOKENS, (token, literal: string | undefined) => literal ?? tokenOf(moment, token));
}

const UNITS_MS: Readonly<Record<string, number>> = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
};

/** The moment so many `seconds`, `minutes`, `hours`, `days` or `weeks` later; undefined for another unit. */
export function later(moment: Date, count: number, unit: string): Date | undefined {
  const unitMs = UNITS_MS[unit.replace(/s$/, '')];
  return unitMs === undefined ? undefined : new Date(moment.getTime() + count * unitMs);
}

function tokenOf(moment: Date, token: string): string {
  const month = MONTHS[moment.getUTCMonth()] ?? '';
  const day = DAYS[moment.getUTCDay()] ?? '';
  const hours = moment.getUTCHours();
  const values: Record<string, string> = {
    YYYY: String(moment.getUTCFullYear()),
    YY: String(moment.getUTCFullYear()).slice(-2),
    MMMM: month,
    MMM: month.slice(0, 3),
    ...padded('M', moment.getUTCMonth() + 1),
    ...padded('D', moment.getUTCDate()),
    dddd: day,
    ddd: day.slice(0, 3),
    ...padded('H', hours),
    ...padded('h', hours % 12 === 0 ? 12 : hours % 12),
    ...padded('m', moment.getUTCMinutes()),
    ...padded('s', moment.getUTCSeconds()),
    SSS: String(moment.getUTCMilliseconds()).padStart(3, '0'),
    A: hours < 12 ? 'AM' : 'PM',
    a: hours < 12 ? 'am' : 'pm',
    Z: '+00:00',
    ZZ: '+0000',
    X: String(Math.floor(moment.getTime() / 1_000)),
    x: String(moment.getTime()),
  };
  return values[token] ?? token;
}

function padded(letter: string, value: number): Record<string, string> {
  return { [letter]: String(value), [letter + letter]: String(value).padStart(2, '0') };
}
