import type { Limits } from '../contract/script.ts';

/**
 * What a run may use unless its caller says otherwise. 50 MB a frame is also the largest upstream response; the wall
 * clock is the 24 hours of a sync, actions are given less by their caller.
 */
export const DEFAULT_LIMITS: Limits = {
  memoryMb: 256,
  cpuMs: 10_000,
  wallClockMs: 24 * 60 * 60 * 1000,
  maxCallsInFlight: 32,
  maxFrameBytes: 50 * 1024 * 1024,
};

/** Of deployed scripts. It decides when a call is handed over, so a replay needs the same. */
export const DEPLOYED_TRAFFIC = { maxCallsInFlight: 64, maxFrameBytes: 64 * 1024 * 1024 } as const;
