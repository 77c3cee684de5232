/** Fixed times of day over the changes of the clock, as Temporal itself counts them for the schedule that we give it. */
import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { specOf } from '../../activities/schedules.ts';
import { usePlatform } from '../support/platform.ts';

const platform = usePlatform({}, { syncs: false });

/** The next times of a sync that runs like that, from `startAt` on. */
async function timesOf(runs: string, startAt: string, count: number): Promise<string[]> {
  const scheduleId = randomUUID();
  const { schedule } = platform.engine.client;
  const spec = specOf({ scheduleId, runs, intervalMs: 86_400_000 });
  const handle = await schedule.create({
    scheduleId,
    spec: { ...spec, startAt: new Date(startAt) },
    action: { type: 'startWorkflow', workflowType: 'none', taskQueue: 'none' },
  });
  const { info } = await handle.describe();
  await handle.delete();
  return info.nextActionTimes.slice(0, count).map((at) => at.toISOString());
}

test('U112: a daily time keeps to its clock on the wall over both changes, once a day', async () => {
  const runs = 'every day at 06:00 Europe/Berlin';
  expect(await timesOf(runs, '2027-03-26T12:00:00Z', 3)).toEqual([
    '2027-03-27T05:00:00.000Z',
    '2027-03-28T04:00:00.000Z',
    '2027-03-29T04:00:00.000Z',
  ]);
  expect(await timesOf(runs, '2027-10-29T12:00:00Z', 3)).toEqual([
    '2027-10-30T04:00:00.000Z',
    '2027-10-31T05:00:00.000Z',
    '2027-11-01T05:00:00.000Z',
  ]);
});

test('U112: a time that the clock leaps over is left out on that day, and one that it shows twice comes once', async () => {
  const runs = 'every day at 02:30 Europe/Berlin';
  expect(await timesOf(runs, '2027-03-26T12:00:00Z', 2)).toEqual([
    '2027-03-27T01:30:00.000Z',
    '2027-03-29T00:30:00.000Z',
  ]);
  expect(await timesOf(runs, '2027-10-29T12:00:00Z', 3)).toEqual([
    '2027-10-30T00:30:00.000Z',
    '2027-10-31T01:30:00.000Z',
    '2027-11-01T01:30:00.000Z',
  ]);
});

test('U112: an interval keeps its distance, whatever the clocks do', async () => {
  const times = await timesOf('every 24h', '2027-03-26T12:00:00Z', 5);
  const distances = times.slice(1).map((at, before) => Date.parse(at) - Date.parse(times[before] ?? ''));
  expect(distances).toEqual([86_400_000, 86_400_000, 86_400_000, 86_400_000]);
});
