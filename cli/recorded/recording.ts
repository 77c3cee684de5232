/** A script's recording, whichever form it is kept in. */
import type { MockCall } from './identity.ts';

export type RecordedAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly response: unknown;
};

export type Recording = {
  readonly form: 'unified' | 'old';
  /** Where it lies, for messages. */
  readonly file: string;
  readonly input: unknown;
  readonly output: { readonly value: unknown } | undefined;
  /** Rows of each model as they were saved and deleted; absent for actions. */
  readonly saved: Readonly<Record<string, readonly unknown[]>>;
  readonly deleted: Readonly<Record<string, readonly unknown[]>>;
  readonly connection: Readonly<Record<string, unknown>> | undefined;
  readonly metadata: unknown;
  /** The provider's own settings of `paginate`, where the script relied on them when it was recorded. */
  readonly paginate?: Readonly<Record<string, unknown>> | undefined;
  /** The answer to a call; undefined when nothing recorded matches it. Answers are not used up. */
  readonly answer: (call: MockCall) => RecordedAnswer | undefined;
  /** The earliest `date` header among the answers. */
  readonly recordedAt: () => Date | undefined;
};

/** Whether a recording is of a sync: it saves or deletes something and answers nothing. */
export function isOfSync(recording: Recording): boolean {
  return recording.output === undefined && Object.keys({ ...recording.saved, ...recording.deleted }).length > 0;
}

export function earliestDate(headers: readonly (Readonly<Record<string, string>> | undefined)[]): Date | undefined {
  const times = headers
    .map((names) => Date.parse(names?.['date'] ?? names?.['Date'] ?? ''))
    .filter((time) => !Number.isNaN(time));
  return times.length === 0 ? undefined : new Date(Math.min(...times));
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Headers of a recording as texts; undefined when it has none. */
export function textHeaders(value: unknown): Record<string, string> | undefined {
  if (!isRecord(value)) return undefined;
  return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, String(text)]));
}
