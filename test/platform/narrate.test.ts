import { expect, test } from '@jest/globals';
import { narrate } from '../../platform/narrate.ts';

test.each([
  [
    'run.waiting',
    { run: 'r1', name: 'tasks', until: '2026-01-01T01:00:00.000Z', reason: 'GET /tasks was answered with 429' },
    'run r1: tasks waits until 2026-01-01T01:00:00.000Z: GET /tasks was answered with 429',
  ],
  ['run.waiting', { run: 'r1', name: 'tasks', until: null, reason: 'paused' }, 'run r1: tasks waits: paused'],
  [
    'run.process_died',
    { run: 'r1', name: 'tasks', reason: 'killed' },
    'run r1: the process of tasks died, the run goes on in another: killed',
  ],
  [
    'run.handed_over',
    { run: 'r1', name: 'tasks', attempt: 1 },
    'run r1: tasks is handed over: another worker goes on where it was',
  ],
  [
    'run.attempt_lost',
    { run: 'r1', name: 'tasks', attempt: 1 },
    'run r1: attempt 1 of tasks stops: a newer one goes on',
  ],
  [
    'run.ended',
    { run: 'r1', name: 'tasks', state: 'failed', error: 'no such field' },
    'run r1: tasks ended: failed: no such field',
  ],
  [
    'store.migrated',
    { applied: ['0001-init.sql', '0002-control.sql'] },
    'the tables are up to date (2 migrations applied)',
  ],
])('%s is told as a sentence', (event, fields, sentence) => {
  const lines: string[] = [];
  narrate((line) => lines.push(line))(event, fields);
  expect(lines.map((line) => line.slice('00:00:00 '.length))).toEqual([sentence]);
});
