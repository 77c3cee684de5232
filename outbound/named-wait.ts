/** The forms in which headers name a moment or a time to wait; what cannot be read is NaN, a moment that has passed below 0. */

/** A number below this is no moment of ours (2001) but a time to wait, and one above no time to wait (32 years). */
const FIRST_MOMENT_S = 1e9;

/** Milliseconds until a moment in epoch seconds, epoch milliseconds or as a date. */
export function msUntil(text: string, now: Date): number {
  const number = Number(text);
  if (text !== '' && number > 0 && number < FIRST_MOMENT_S) return Math.ceil(number * 1_000);
  // Seconds reach 1e11 in the year 5138, milliseconds did in 1973.
  const moment = text === '' || Number.isNaN(number) ? Date.parse(text) : number < 1e11 ? number * 1_000 : number;
  return Math.ceil(moment - now.getTime());
}

/** Milliseconds of a time in seconds, also with a fraction, or an HTTP-date (RFC 9110 section 10.2.3). */
export function msAfter(text: string, now: Date): number {
  const seconds = Number(text);
  if (text === '' || Number.isNaN(seconds) || (seconds >= FIRST_MOMENT_S && Number.isFinite(seconds)))
    return msUntil(text, now);
  return Math.ceil(seconds * 1_000);
}
