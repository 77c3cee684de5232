/** For `--import`, as `shifted-date.ts?ms=<ms>`: the process that loads it first believes in a time that is so much later. */
const shiftMs = Number(new URL(import.meta.url).searchParams.get('ms'));
const RealDate = Date;

globalThis.Date = class extends RealDate {
  constructor(...given: readonly unknown[]) {
    // @ts-expect-error whatever was given, the real one takes.
    super(...(given.length === 0 ? [RealDate.now() + shiftMs] : given));
  }

  static override now(): number {
    return RealDate.now() + shiftMs;
  }
} as DateConstructor;
