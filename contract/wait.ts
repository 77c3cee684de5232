/**
 * How long a workflow waits, in ms: Temporal's clock may differ from the one that the time of the wait's end is by. Absent
 * in histories of before; then that time is all there is.
 */
export type WaitMs = number;
