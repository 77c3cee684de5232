/** Inputs and results of the workflows: ids, counts and times only. Records, bodies, scripts and secrets never go here. */
import type { FailureCode, ScriptLocation } from './failures.ts';
import type { RecordCounts } from './host.ts';
import type { WaitMs } from './wait.ts';

/** Starts one run of one sync of one connection. `runId` is set when the run was allocated by a trigger. */
export type SyncInput = { readonly syncId: string; readonly runId?: string };

export type RunFailure = { readonly code: FailureCode; readonly message: string; readonly location?: ScriptLocation };

/** What `runScript` answers: values, never exceptions, for everything an author or an upstream can cause. */
export type SyncStep =
  | {
      readonly status: 'finished';
      readonly runId: string;
      readonly counts: Readonly<Record<string, RecordCounts>>;
      /** Deletions that were held back as too many, by model; absent when there were none. */
      readonly deletionsHeld?: Readonly<Record<string, number>>;
    }
  | { readonly status: 'failed'; readonly runId: string; readonly failure: RunFailure }
  | { readonly status: 'cancelled'; readonly runId: string }
  /** Another run holds the sync, it fails too often to run each time, or it is gone: nothing was run. */
  | { readonly status: 'skipped'; readonly reason: 'running' | 'paused' | 'backing off' | 'gone' }
  /** `resumeAt` is null for a paused run, which goes on when it is told to. */
  | {
      readonly status: 'waiting';
      readonly runId: string;
      readonly resumeAt: string | null;
      readonly waitMs?: WaitMs;
      readonly reason: string;
      /** How far it has got; absent where nobody looked. */
      readonly done?: { readonly requests: number; readonly counts: Readonly<Record<string, RecordCounts>> };
    }
  | { readonly status: 'handedOver'; readonly runId: string };

export type SyncResult = Exclude<SyncStep, { status: 'waiting' | 'handedOver' }>;

export type ActionInput = { readonly runId: string };

export type ActionEnd = { readonly status: 'finished' } | { readonly status: 'failed'; readonly failure: RunFailure };

export type ActionStep =
  | ActionEnd
  | { readonly status: 'waiting'; readonly resumeAt: string; readonly waitMs?: WaitMs; readonly reason: string }
  /** It takes longer than a workflow task may: the process that polls this queue goes on with it; null for any process. */
  | { readonly status: 'handedOver'; readonly taskQueue: string | null };

export const RUN_STATES = ['queued', 'running', 'waiting', 'success', 'failed', 'cancelled', 'skipped'] as const;
export type RunState = (typeof RUN_STATES)[number];

/** What people ask of a run that is under way. */
export type Control = 'cancel' | 'pause';
