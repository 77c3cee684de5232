import { expect, test } from '@jest/globals';
import { parseFrequency } from '../../manifest/frequency.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

test.each([
  ['every 5min', 5 * MINUTE],
  ['every 30min', 30 * MINUTE],
  ['every 5 minutes', 5 * MINUTE],
  ['every 5mins', 5 * MINUTE],
  ['every 5m', 5 * MINUTE],
  ['every quarter hour', 15 * MINUTE],
  ['every half hour', 30 * MINUTE],
  ['every hour', HOUR],
  ['every 1h', HOUR],
  ['every 1.5 hours', 1.5 * HOUR],
  ['every 6 hours', 6 * HOUR],
  ['every half day', 12 * HOUR],
  ['every day', DAY],
  ['every 2 days', 2 * DAY],
  ['every week', 7 * DAY],
  ['every month', 30 * DAY],
])('%s is a span of time', (text, intervalMs) => {
  expect(parseFrequency(text, 'v1')).toEqual({ runs: text, intervalMs });
});

test('letter case and spaces do not matter, and the normal spelling is kept', () => {
  expect(parseFrequency('  Every\t 30   MIN ', 'v1')).toEqual({ runs: 'every 30 min', intervalMs: 30 * MINUTE });
});

test.each([
  ['v1', 'every 299s', 'the shortest frequency is 5min'],
  ['v1', 'every 0min', 'the shortest frequency is 5min'],
  ['v2', 'every 29s', 'the shortest frequency is 30s'],
  ['v1', 'every 32 days', 'the longest frequency is 31 days'],
  ['v1', 'every 999999999999999999999 years', 'the longest frequency is 31 days'],
  ['v1', '30min', "expected 'every 30min'"],
] as const)('in %s, %p is refused: %s', (version, text, fault) => {
  expect(parseFrequency(text, version)).toEqual({ fault });
});

test('v2 allows what v1 finds too short', () => {
  expect(parseFrequency('every 30s', 'v2')).toEqual({ runs: 'every 30s', intervalMs: 30_000 });
});

test.each([
  '',
  'every',
  'every ',
  'every 300000',
  'every -5min',
  'every fortnight',
  'hourly',
  'every 5 parsecs',
  'every 1e9min',
  `every ${'9'.repeat(99_999)}`,
])('%p is answered with the forms there are', (text) => {
  expect(parseFrequency(text, 'v1')).toEqual({ fault: expect.stringContaining("for example 'every 30min'") });
});

test('a fault quotes a long text only in part', () => {
  const frequency = parseFrequency(`${'9'.repeat(99_999)}min`, 'v1');
  expect('fault' in frequency && frequency.fault.length).toBeLessThan(300);
});

test.each([
  [
    'every day at 06:00 Europe/Berlin',
    'every day at 06:00 Europe/Berlin',
    DAY,
    { hour: 6, minute: 0, timeZone: 'Europe/Berlin' },
  ],
  [
    'Every Day at 6:05 europe/berlin',
    'every day at 06:05 Europe/Berlin',
    DAY,
    { hour: 6, minute: 5, timeZone: 'Europe/Berlin' },
  ],
  [
    'every monday at 23:59',
    'every monday at 23:59 UTC',
    7 * DAY,
    { weekday: 1, hour: 23, minute: 59, timeZone: 'UTC' },
  ],
])('%s is a fixed time, and its normal spelling means the same', (text, runs, intervalMs, at) => {
  expect(parseFrequency(text, 'v1')).toEqual({ runs, intervalMs, at });
  expect(parseFrequency(runs, 'v2')).toEqual({ runs, intervalMs, at });
});

test.each([
  ['every day at 24:00', 'expected a day and a time'],
  ['every day at 06:60', 'expected a day and a time'],
  ['every someday at 06:00', 'expected a day and a time'],
  ['every hour at 06:00', 'expected a day and a time'],
  ['every day at 06:00 Mars/Olympus', "'mars/olympus' is no time zone"],
  ['every day at 06:00 +02:00', "'+02:00' is no time zone"],
])('%s is refused: %s', (text, fault) => {
  expect(parseFrequency(text, 'v1')).toEqual({ fault: expect.stringContaining(fault) });
});
