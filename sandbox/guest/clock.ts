/**
 * The guest's clock: it stands still between two answers, so that a run replayed from its journal reads the same times.
 * Every way to the real clock goes through here, also the one by `Date.prototype.constructor` and `Intl`.
 */
let now = 0;

/** Sets the time all following code sees; called by the host's deliveries only. */
export function setNow(ms: number): void {
  now = ms;
}

/** The time the script sees, ms since the epoch. */
export function guestNow(): number {
  return now;
}

/** Replaces `Date` and the one `Intl` function that reads the clock by itself. */
export function installClock(): void {
  const RealDate = Date;
  const GuestDate = function Date(this: unknown, ...args: unknown[]): unknown {
    if (new.target === undefined) return new RealDate(now).toString();
    return Reflect.construct(RealDate, args.length === 0 ? [now] : args, new.target);
  };
  const constant = (value: unknown) => ({ value, writable: true, enumerable: false, configurable: true });
  Object.defineProperties(GuestDate, {
    length: { value: 7, configurable: true },
    prototype: { value: RealDate.prototype, writable: false, enumerable: false, configurable: false },
    now: constant(() => now),
    parse: constant(RealDate.parse),
    UTC: constant(RealDate.UTC),
  });
  Object.defineProperty(RealDate.prototype, 'constructor', constant(GuestDate));
  Object.defineProperty(globalThis, 'Date', constant(GuestDate));
  installIntlClock(constant);
}

function installIntlClock(constant: (value: unknown) => PropertyDescriptor): void {
  const formats = Intl.DateTimeFormat.prototype;
  const realFormat = Object.getOwnPropertyDescriptor(formats, 'format')?.get;
  const realParts = formats.formatToParts;
  const bound = new WeakMap<object, (date?: unknown) => unknown>();
  const format = function (this: Intl.DateTimeFormat): (date?: unknown) => unknown {
    const known = bound.get(this);
    if (known !== undefined) return known;
    const real = realFormat?.call(this) as (date: unknown) => unknown;
    const own = (date?: unknown): unknown => real(date === undefined ? now : date);
    bound.set(this, own);
    return own;
  };
  Object.defineProperty(formats, 'format', { get: format, enumerable: false, configurable: true });
  const formatToParts = function (this: Intl.DateTimeFormat, date?: Date | number): unknown {
    return realParts.call(this, date === undefined ? now : date);
  };
  Object.defineProperty(formats, 'formatToParts', constant(formatToParts));
}
