import Sequencer from '@jest/test-sequencer';

/**
 * The files that take longest, longest first, so that none of them is left to run alone at the end. Jest would know this
 * from the run before, which a fresh machine has not. Not in TypeScript: the package's types are those of another module system.
 */
const LONGEST = [
  'end-to-end/chaos',
  'end-to-end/workers',
  'browser/long-lists',
  'browser/dashboard',
  'clients/cli',
  'workflows/sync',
  'browser/bad-days',
  'platform/start',
  'end-to-end/deploy-killed',
  'security/escape',
  'end-to-end/room',
  'end-to-end/crashes',
  'end-to-end/production-page',
  'end-to-end/servers',
  'platform/refresher',
  'browser/settings',
  'activities/cut-connections',
  'end-to-end/metrics',
  'browser/restart',
  'end-to-end/call-line',
  'browser/tasks',
  'browser/story',
  'api/proxy',
  'end-to-end/fairness',
  'workflows/action',
  'end-to-end/operations',
  'end-to-end/tour',
  'cli/dryrun',
  'workflows/long-runs',
  'end-to-end/records',
  'workflows/reconcile',
  'end-to-end/connections',
  'end-to-end/deletions',
  'end-to-end/replay',
  'end-to-end/durable',
  'end-to-end/restore',
  'activities/bad-input',
  'sandbox/definitions',
  'cli/zero-yaml',
  'browser/connect',
];

export default class LongestFirst extends Sequencer {
  sort(tests) {
    const place = ({ path }) => {
      const at = LONGEST.findIndex((name) => path.endsWith(`/test/${name}.test.ts`));
      return at === -1 ? LONGEST.length : at;
    };
    return super.sort(tests).sort((a, b) => place(a) - place(b));
  }
}
