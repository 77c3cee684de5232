/** Signals, queries and updates: the one file of this room that others may import as values. */
import { defineSignal } from '@temporalio/workflow';

/** Something changed in Postgres: look once more before ending. */
export const reconcileSignal = defineSignal('reconcile');
