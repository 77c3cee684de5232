/** What is left of a run under blows, and what struck it. */
import type { Asked } from './upstream.ts';

/** SIGKILL for the script's process; SIGKILL for its whole worker; connections to Postgres cut. */
export const BLOW_KINDS = ['script', 'worker', 'backend'] as const;
export type BlowKind = (typeof BLOW_KINDS)[number];

/** A blow that fell: on the run it was meant for and on all others of the same worker. */
export type Blow = {
  readonly kind: BlowKind;
  /** Moment by `performance.now()`. */
  readonly at: number;
  /** The request during which it fell; it had no answer yet. */
  readonly during: Asked;
};

/** A run as `GET /runs/:id` shows it. */
export type Run = {
  readonly id: string;
  readonly state: string;
  readonly workflow_id: string;
  readonly counts: Readonly<Record<string, { added: number; updated: number; deleted: number }>>;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly logs: readonly { readonly level: string; readonly message: string }[];
};

/** A record with what was last done to it as `action`, and without times. */
export type RecordRow = { readonly id: string } & Readonly<Record<string, unknown>>;

export type Trace = {
  readonly run: Run;
  readonly tasks: readonly RecordRow[];
  readonly draws: readonly RecordRow[];
  readonly checkpoint: unknown;
  readonly metadata: unknown;
  /** Rows of the journal, which a run that succeeded leaves none of. */
  readonly journalRows: number;
  readonly asked: readonly Asked[];
  /** When its end was seen, by `performance.now()`. */
  readonly endedAt: number;
};
