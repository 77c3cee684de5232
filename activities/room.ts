/** Room for sync runs: who may begin, who stands in line, and who is told that a place is free. */
import { createHash } from 'node:crypto';
import { RESUME_SIGNAL } from '../contract/engine.ts';
import { withTransaction } from '../store/db.ts';
import { firstInLine, findRoom, type NoRoom, standInLine } from '../store/run-room.ts';
import { type Attempt, beginAttempt } from '../store/runs.ts';
import type { Dependencies } from './dependencies.ts';

export type Start = Parameters<typeof beginAttempt>[1];
export type Admission =
  | { readonly status: 'begun'; readonly attempt: Attempt }
  | { readonly status: 'in line'; readonly resumeAt: Date; readonly reason: string }
  | { readonly status: 'gone' };

const FIRST_LOOK_MS = 5_000;
const LAST_LOOK_MS = 60_000;

/** Begins an attempt of a sync run where there is room for it; otherwise the run stands in line. */
export async function beginWithRoom(deps: Dependencies, start: Start): Promise<Admission> {
  return withTransaction(deps.db, async (db) => {
    const room = await findRoom(db, start, deps.limits.rooms);
    if (room === undefined) {
      const attempt = await beginAttempt(db, start);
      return attempt === undefined ? { status: 'gone' } : { status: 'begun', attempt };
    }
    const resumeAt = nextLook(start, room);
    const reason = `${room.most} runs of its ${room.scope} are under way, which is the most at once (${SETTINGS[room.scope]})`;
    const { runId, workflowRunId } = start;
    const stands = await standInLine(db, { runId, workflowRunId, room, resumeAt, reason });
    return stands ? { status: 'in line', resumeAt, reason } : { status: 'gone' };
  });
}

const SETTINGS = {
  connection: 'NANGO_MAX_RUNS_PER_CONNECTION',
  integration: 'NANGO_MAX_RUNS_PER_INTEGRATION',
  environment: 'NANGO_MAX_RUNS_PER_ENVIRONMENT',
} as const;

/**
 * When to look by itself, in case nobody tells it of a free place: the longer it has waited the later, and not in the
 * same moment as others.
 */
function nextLook({ runId, at }: Start, { since }: NoRoom): Date {
  const waited = at.getTime() - since.getTime();
  const pause = Math.min(LAST_LOOK_MS, Math.max(FIRST_LOOK_MS, waited / 2));
  return new Date(at.getTime() + pause * (1 + shareOf(runId) / 4));
}

/** A number from 0 up to 1, the same for a run at any time. */
function shareOf(runId: string): number {
  return createHash('sha256').update(runId).digest().readUInt32BE(0) / 2 ** 32;
}

/** Wakes those who were first in line for the place that this run has left. Fails nothing: they also look by themselves. */
export async function wakeNextInLine({ db, client, log }: Dependencies, runId: string): Promise<void> {
  try {
    const next = await firstInLine(db, runId);
    await Promise.all(next.map(({ workflowId }) => client.workflow.getHandle(workflowId).signal(RESUME_SIGNAL)));
  } catch (error) {
    log('run.wake_failed', { run: runId, reason: error instanceof Error ? error.message : String(error) });
  }
}
