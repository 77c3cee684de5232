import { expect, test } from '@jest/globals';
import { ActivityFailure, ApplicationFailure, CancelledFailure, RetryState, TimeoutFailure } from '@temporalio/common';
import { ContinueAsNew } from '@temporalio/workflow';
import { endOfRun } from '../../workflows/run-end.ts';

const byActivity = (cause?: Error) =>
  new ActivityFailure('Activity task failed', 'runScript', '1', RetryState.MAXIMUM_ATTEMPTS_REACHED, 'worker', cause);
const missed = byActivity(new TimeoutFailure('activity Heartbeat timeout', undefined, 'HEARTBEAT'));
const aborted = { code: 'script_aborted', message: 'The run was cancelled' };

test.each([
  [
    'its code and words, where its activity knew them',
    byActivity(ApplicationFailure.create({ type: 'script_failed', message: 'no such field' })),
    { code: 'script_failed', message: 'no such field' },
  ],
  [
    'that the fault is ours, for a code that is not of the table',
    byActivity(ApplicationFailure.create({ type: 'TypeError', message: 'x is not a function' })),
    { code: 'internal', message: 'x is not a function' },
  ],
  ['what has run out', missed, { code: 'internal', message: 'activity Heartbeat timeout' }],
  [
    'that it ended unexpectedly, where the activity said nothing',
    byActivity(),
    { code: 'internal', message: 'The run ended unexpectedly' },
  ],
  ['what its workflow threw itself', new Error('odd'), { code: 'internal', message: 'odd' }],
  ['the same of something that is no error', 'odd', { code: 'internal', message: 'The run ended unexpectedly' }],
])('a run that nobody cancelled tells %s', (_, error, failure) => {
  expect(endOfRun(error, false)).toEqual({ failure, thrown: error });
  expect(endOfRun(error, false)?.thrown).toBe(error);
});

test.each([
  ['by its workflow', new CancelledFailure('Workflow cancelled')],
  ['by its activity', byActivity(new CancelledFailure('Activity cancelled'))],
])('a cancellation that was told %s is told on as it came', (_, error) => {
  for (const isAskedToStop of [true, false]) {
    const end = endOfRun(error, isAskedToStop);
    expect(end?.failure).toEqual(aborted);
    expect(end?.thrown).toBe(error);
  }
});

test('a run whose worker died before it heard of the cancellation ends as cancelled, and so does its workflow', () => {
  const end = endOfRun(missed, true);
  expect(end?.failure).toEqual(aborted);
  expect(end?.thrown).toBeInstanceOf(CancelledFailure);
});

test('a run that goes on in a new execution has not ended, asked to stop or not', () => {
  const goesOn = new ContinueAsNew({} as ConstructorParameters<typeof ContinueAsNew>[0]);
  expect([endOfRun(goesOn, false), endOfRun(goesOn, true)]).toEqual([undefined, undefined]);
});
