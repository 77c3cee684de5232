/** Signals, queries and updates: the one file of this room that others may import as values. */
import { defineSignal } from '@temporalio/workflow';
import { RESUME_SIGNAL } from '../contract/engine.ts';

/** Something changed in Postgres: look once more before ending. */
export const reconcileSignal = defineSignal('reconcile');

/** What the run waits for has come, or may have: its row is looked at again. */
export const resumeSignal = defineSignal(RESUME_SIGNAL);
