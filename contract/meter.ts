import type { RecordCounts } from './host.ts';
import type { RunKind } from './script.ts';
import type { RunState } from './sync.ts';

/** What the parts tell of their work for `GET /metrics`. None of it can fail or wait. */
export type Meter = {
  /** A run has ended; `ranMs` is for how long its script ran, waits left out, where that is known. */
  readonly runEnded: (run: { readonly kind: RunKind; readonly state: RunState }, ranMs?: number) => void;
  /** Records were stored, or marked as deleted. */
  readonly recordsWritten: (counts: RecordCounts) => void;
};
