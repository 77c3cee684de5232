import Sequencer from '@jest/test-sequencer';

/**
 * The files that take longest, longest first, so that none of them is left to run alone at the end. Jest would know this
 * from the run before, which a fresh machine has not. Not in TypeScript: the package's types are those of another module system.
 */
const LONGEST = [
  'end-to-end/workers',
  'end-to-end/chaos',
  'browser/dashboard',
  'end-to-end/clocks',
  'browser/long-lists',
  'clients/cli',
  'clients/installed',
  'end-to-end/deploy-killed',
  'end-to-end/crashes',
  'security/escape',
  'platform/start',
  'end-to-end/cancel-many',
  'workflows/long-runs',
  'end-to-end/production-page',
  'sandbox/pool',
  'activities/cut-connections',
  'end-to-end/restore',
  'api/records',
  'end-to-end/room',
  'cli/dryrun',
  'browser/story',
  'end-to-end/call-line',
  'api/proxy',
  'browser/connect',
  'end-to-end/servers',
  'end-to-end/fairness',
  'end-to-end/connections',
  'end-to-end/pacing',
  'browser/tasks',
  'end-to-end/validation',
  'platform/refresher',
  'end-to-end/crowd',
  'cli/zero-yaml',
  'browser/restart',
  'browser/bad-days',
  'workflows/isolation',
  'sandbox/crowded',
  'sandbox/definitions',
  'end-to-end/stop-reconcile',
  'cli/many-scripts',
  'end-to-end/deletions',
  'browser/settings',
  'end-to-end/durable',
  'end-to-end/slices',
  'end-to-end/records',
  'end-to-end/webhooks',
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
