import { expect, test } from '@jest/globals';
import { actionWorkflowId, inboundWorkflowId, scheduleId, shareOf, syncWorkflowId } from '../../contract/ids.ts';

const ADDRESS = { environment: 'prod:eu', integration: 'crm', connection: 'acme', sync: 'tasks', variant: 'base' };

test.each([
  ['a scheduled sync', `${scheduleId(ADDRESS)}-2026-11-26T07:00:00Z`],
  ['a triggered sync', syncWorkflowId(ADDRESS, 'r1')],
  ['an action', actionWorkflowId({ ...ADDRESS, action: 'send', runId: 'r1' })],
])('the share of %s is its environment', (_, workflowId) => {
  expect(shareOf(workflowId)).toBe('prod%3Aeu');
});

test('what is of no environment by its name has no share, and a long name has one that Temporal takes', () => {
  expect(shareOf(inboundWorkflowId('r1'))).toBeUndefined();
  expect(shareOf('reconcile')).toBeUndefined();
  expect(shareOf(syncWorkflowId({ ...ADDRESS, environment: 'é'.repeat(40) }, 'r1'))).toHaveLength(64);
});
