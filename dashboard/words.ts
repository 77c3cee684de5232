/** Times and amounts as people say them. Pure. */

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** `1 h 5 min`, `2.4 s`, `12 ms`: at most two units. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const days = Math.floor(hours / 24);
  if (days > 0) return `${days} d ${hours % 24} h`;
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${Math.floor((ms % 60_000) / 1_000)} s`;
}

/** `3 min ago`, `in 2 hours`, `just now`. */
export function relative(at: Date, now: Date): string {
  const difference = at.getTime() - now.getTime();
  const size = Math.abs(difference);
  const [unit, ms] = UNITS.find(([, unitMs]) => size >= unitMs) ?? ['s', 1_000];
  const count = Math.round(size / ms);
  if (count === 0 || size < 1_000) return 'just now';
  const amount = `${count} ${unit}${count > 1 && (unit === 'day' || unit === 'hour') ? 's' : ''}`;
  return difference > 0 ? `in ${amount}` : `${amount} ago`;
}

export function count(value: number, one: string, many = `${one}s`): string {
  return `${value.toLocaleString('en')} ${value === 1 ? one : many}`;
}
