import { createHash } from 'node:crypto';
import {
  type Client,
  type ScheduleOptions,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import { syncStory, TASK_QUEUES } from '../contract/engine.ts';
import { parseFrequency } from '../manifest/frequency.ts';
import { addressOf, type Sync } from '../store/syncs.ts';

const SHORTEST_CATCHUP_MS = 10_000;

/** Creates the sync's schedule or makes an existing one equal to it. Repeating it changes nothing. */
export async function putSchedule(client: Client, sync: Sync): Promise<void> {
  const options = scheduleOf(sync);
  try {
    await client.schedule.create(options);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await client.schedule.getHandle(sync.scheduleId).update((previous) => ({
      ...previous,
      spec: options.spec,
      action: options.action,
      policies: { ...previous.policies, ...options.policies },
      state: { ...previous.state, paused: sync.paused || sync.held },
    }));
  }
}

export async function deleteSchedule(client: Client, scheduleId: string): Promise<void> {
  try {
    await client.schedule.getHandle(scheduleId).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
}

export async function scheduleExists(client: Client, scheduleId: string): Promise<boolean> {
  try {
    await client.schedule.getHandle(scheduleId).describe();
    return true;
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return false;
    throw error;
  }
}

function scheduleOf(sync: Sync): ScheduleOptions {
  return {
    scheduleId: sync.scheduleId,
    spec: specOf(sync),
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: Math.max(sync.intervalMs, SHORTEST_CATCHUP_MS) },
    state: { paused: sync.paused || sync.held },
    action: {
      type: 'startWorkflow',
      workflowType: 'syncWorkflow',
      workflowId: sync.scheduleId,
      taskQueue: TASK_QUEUES.syncs,
      args: [{ syncId: sync.id }],
      ...syncStory(addressOf(sync)),
    },
  };
}

/** When a sync runs, as Temporal is told. */
export function specOf(sync: Pick<Sync, 'scheduleId' | 'runs' | 'intervalMs'>): ScheduleOptions['spec'] {
  const frequency = parseFrequency(sync.runs, 'v2');
  if ('at' in frequency) {
    const { hour, minute, weekday, timeZone } = frequency.at;
    return {
      calendars: [{ hour, minute, ...(weekday !== undefined && { dayOfWeek: WEEKDAYS[weekday] }) }],
      timezone: timeZone,
    };
  }
  // Intervals count from the epoch; the phase spreads connections over the interval, the same on every machine.
  return { intervals: [{ every: sync.intervalMs, offset: phaseOf(sync) }] };
}

const WEEKDAYS = ['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'] as const;

function phaseOf({ scheduleId, intervalMs }: Pick<Sync, 'scheduleId' | 'intervalMs'>): number {
  const seconds = Math.max(1, Math.floor(intervalMs / 1000));
  return (createHash('sha256').update(scheduleId).digest().readUInt32BE(0) % seconds) * 1000;
}
