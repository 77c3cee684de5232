import Sequencer from '@jest/test-sequencer';

/**
 * The files that take 25 s and more beside others (median of three whole runs on two processors), longest first, so that
 * none of them is left to run alone at the end. Jest would know this from the run before, which a fresh machine has not.
 * Not in TypeScript: the package's types are those of another module system.
 */
const LONGEST = [
  'browser/dashboard',
  'browser/long-lists',
  'end-to-end/workers',
  'end-to-end/chaos',
  'browser/bad-days',
  'browser/connect',
  'clients/cli',
  'browser/tasks',
  'clients/installed',
  'end-to-end/clocks',
  'workflows/sync',
  'platform/start',
  'sandbox/pool',
  'end-to-end/crashes',
  'cli/imports',
  'security/escape',
  'end-to-end/restore',
  'end-to-end/locks',
  'end-to-end/deploy-killed',
  'workflows/long-runs',
  'browser/settings',
  'activities/bad-input',
  'end-to-end/production-page',
  'browser/story',
  'end-to-end/connections',
  'end-to-end/dryrun-eras',
  'end-to-end/shared-limits',
  'api/proxy',
  'cli/dryrun',
  'end-to-end/servers',
  'end-to-end/fairness',
  'activities/cut-connections',
  'cli/recorded',
  'cli/zero-yaml',
  'end-to-end/cancel-many',
  'end-to-end/image',
  'cli/recording',
  'end-to-end/left-behind',
  'end-to-end/deletions',
  'activities/bundles',
  'end-to-end/tour',
  'api/conformance',
  'workflows/isolation',
  'workflows/bundle',
  'end-to-end/call-line',
  'end-to-end/odd-ids',
  'end-to-end/room',
  'end-to-end/crowd',
  'browser/restart',
  'activities/lost-commits',
  'end-to-end/records',
  'api/proxy-limits',
  'platform/refresher',
  'end-to-end/webhooks',
  'end-to-end/encrypted-records',
  'activities/deletions',
  'end-to-end/bad-input',
  'end-to-end/reports',
  'end-to-end/pause',
  'end-to-end/dryrun',
  'api/records',
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
