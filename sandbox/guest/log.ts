/** `nango.log` and `console`: whatever is passed, a log line never fails a run. */
import { hostCall } from './calls.ts';
import { cutToBytes } from './text.ts';

const MAX_LINE_BYTES = 64 * 1024;
/** Lines made faster than the host takes them; those past it are dropped and counted in a later line. */
const MAX_WAITING = 10_000;
const LEVELS: Readonly<Record<string, string>> = {
  debug: 'debug',
  verbose: 'debug',
  silly: 'debug',
  http: 'info',
  info: 'info',
  warn: 'warn',
  error: 'error',
};

/** From the least to the most important; `off` is above all. */
const RANKS = ['debug', 'info', 'warn', 'error', 'off'];

let lowest = 0;
let waiting = 0;
let dropped = 0;

/** `nango.log(...args, { level }?)`: resolves when the host has the line, and always resolves. */
export function log(...args: unknown[]): Promise<void> {
  const last = args.at(-1);
  const level = args.length > 1 ? levelOf(last) : undefined;
  return writeLine(level ?? 'info', level === undefined ? args : args.slice(0, -1));
}

/** Drops lines below a level from now on. Throws for a level there is not. */
export function setLogLevel(level: string): void {
  const rank = RANKS.indexOf(level);
  if (rank === -1) throw new TypeError(`nango.setLogger: level '${level}' is not one of ${RANKS.join(', ')}.`);
  lowest = rank;
}

/** One line at one level. */
export function writeLine(level: string, args: readonly unknown[]): Promise<void> {
  if (RANKS.indexOf(level) < lowest) return Promise.resolve();
  if (waiting >= MAX_WAITING) {
    dropped += 1;
    return Promise.resolve();
  }
  const note = dropped > 0 ? ` (${dropped} lines before this one were dropped: too many at once)` : '';
  dropped = 0;
  waiting += 1;
  const message = cutToBytes(args.map(spell).join(' '), MAX_LINE_BYTES - note.length) + note;
  const done = (): void => {
    waiting -= 1;
  };
  return hostCall('log', { level, message }).then(done, done);
}

/** The global `console`: every method that prints writes a line of the run's log. */
export const consoleShim: Readonly<Record<string, (...args: unknown[]) => void>> = Object.fromEntries(
  [
    ...Object.entries({ log: 'info', info: 'info', dir: 'info', table: 'info', debug: 'debug', trace: 'debug' }),
    ...Object.entries({ warn: 'warn', error: 'error' }),
  ]
    .map(([method, level]) => [method, (...args: unknown[]) => void writeLine(level, args)])
    .concat(
      [
        'assert',
        'group',
        'groupEnd',
        'groupCollapsed',
        'time',
        'timeEnd',
        'timeLog',
        'count',
        'countReset',
        'clear',
      ].map((method) => [method, () => undefined]),
    ),
);

function levelOf(value: unknown): string | undefined {
  try {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'level')) return undefined;
    if (Object.keys(value).length !== 1) return undefined;
    const { level } = value as { level: unknown };
    return typeof level === 'string' && Object.hasOwn(LEVELS, level) ? LEVELS[level] : undefined;
  } catch {
    return undefined;
  }
}

function spell(value: unknown): string {
  try {
    if (typeof value === 'string') return value;
    if (typeof value !== 'object' || value === null) return String(value);
    if (value instanceof Error) return `${value.name}: ${value.message}`;
    return spellObject(value);
  } catch {
    return '[a value that cannot be printed]';
  }
}

function spellObject(value: object): string {
  const parents: object[] = [];
  let budget = MAX_LINE_BYTES * 4;
  const text = JSON.stringify(value, function (this: object, _key, member: unknown) {
    if (typeof member === 'bigint') return `${member}n`;
    if (typeof member === 'symbol' || typeof member === 'function') return String(member).slice(0, 200);
    if (typeof member === 'string') budget -= member.length;
    budget -= 8;
    if (budget < 0) return '…';
    if (typeof member !== 'object' || member === null) return member;
    while (parents.length > 0 && parents.at(-1) !== this) parents.pop();
    if (parents.includes(member)) return '[circular]';
    parents.push(member);
    if (member instanceof Map) return Object.fromEntries(member);
    if (member instanceof Set) return [...member];
    return member instanceof Error ? `${member.name}: ${member.message}` : member;
  });
  return text ?? String(value);
}
