/**
 * Benchmarks: `npm run -s bench -- <name> [--json]`. They measure the platform as users start it, on real servers and
 * over its public interfaces; they belong to no test, and their figures are good only for the machine they name.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runProcess } from '../platform/main-process.ts';
import type { Bench } from './bench.ts';
import { benchActions } from './cases/actions.ts';
import { benchCancel } from './cases/cancel.ts';
import { benchChaos } from './cases/chaos.ts';
import { benchCluster } from './cases/cluster.ts';
import { benchCompile } from './cases/compile.ts';
import { benchConcurrency } from './cases/concurrency.ts';
import { benchCuts } from './cases/cuts.ts';
import { benchDeploy } from './cases/deploy.ts';
import { benchDashboard } from './cases/dashboard.ts';
import { benchFairness } from './cases/fairness.ts';
import { benchFuzzApi } from './cases/fuzz-api.ts';
import { benchJournal } from './cases/journal.ts';
import { benchLoad } from './cases/load.ts';
import { benchOutbound } from './cases/outbound.ts';
import { benchRefresh } from './cases/refresh.ts';
import { benchRecords } from './cases/records.ts';
import { benchRest } from './cases/rest.ts';
import { benchSiege } from './cases/siege.ts';
import { benchSoak } from './cases/soak.ts';
import { benchStart } from './cases/start.ts';
import { benchSync } from './cases/sync.ts';
import { benchUpgrade } from './cases/upgrade.ts';
import { benchWaiting } from './cases/waiting.ts';
import { rounded, surroundings, tableOf } from './report.ts';
import { saveResult } from './results.ts';
import { runSideBySide } from './side-by-side.ts';

const BENCHES: Readonly<Record<string, Bench>> = {
  actions: benchActions,
  cancel: benchCancel,
  chaos: benchChaos,
  cluster: benchCluster,
  compile: benchCompile,
  concurrency: benchConcurrency,
  cuts: benchCuts,
  deploy: benchDeploy,
  dashboard: benchDashboard,
  fairness: benchFairness,
  'fuzz-api': benchFuzzApi,
  journal: benchJournal,
  load: benchLoad,
  outbound: benchOutbound,
  refresh: benchRefresh,
  records: benchRecords,
  rest: benchRest,
  siege: benchSiege,
  soak: benchSoak,
  start: benchStart,
  sync: benchSync,
  upgrade: benchUpgrade,
  waiting: benchWaiting,
};
const PROFILED: ReadonlySet<string> = new Set(['actions', 'outbound', 'records', 'sync']);
const HELP = `npm run -s bench -- <name> [options]

  actions    actions over REST with one caller and with 20, and the bare engine beside it
  sync       first syncs from a fast and from a slow upstream, and the same again with nothing changed
  journal    first syncs with the journal and without it, side by side
  cancel     how soon a script in an endless loop has ended once its run is cancelled
  compile    the author's commands on made-up projects, with tsc and esbuild alone beside them
  cuts       100 runs whose connections to Postgres are cut at random moments
  dashboard  what each screen of the dashboard waits for, among 10,000 connections and 1,000,000 records
  outbound   what /proxy adds to a call, and how many it makes with 20 callers
  fuzz-api   random requests made from /openapi.json by schemathesis: no 500, no undocumented status
  refresh    tokens that end all the time, used by eight processes that are killed now and then
  records    saves of the store alone beside COPY, and GET /records over HTTP
  rest       memory and processor of the whole platform when nothing happens
  chaos      random scripts under blows (killed script processes, workers, connections) against the same undisturbed
  siege      the whole platform under random blows for a while, and the upstream's own truth beside what is stored
  soak       many actions and runs, and what the platform holds after half of them and after all
  cluster    2 APIs, 3 workers and a Temporal server with Postgres; one of each is killed under work
  deploy     a deployment to 10,000 connections: its schedules, and what others feel of it; all workers are killed once
  load       syncs of many connections that are due every 30 s or so: delays, costs, and what grows
  waiting    syncs that all wait for a rate limit: what their worker holds, beside the same worker at rest
  fairness   all syncs of one environment at once, and a sync and an action of another meanwhile
  concurrency  syncs at once on one worker against an upstream that takes 200 ms
  side-by-side [names]  those that are compared with the incumbent, and bench/RESULTS.md
  upgrade    an older commit and this code side by side under load, on one Postgres and one Temporal; then this code alone
  start      from the command to a ready API, on data that is there

  --save             keeps the result in bench/results/ and makes bench/RESULTS.md anew
  --json             last line: {"bench":"<name>","figures":{…}}
  --records <n>      sync: how many records                       (100000)
  --preload <n>      records: rows in the table before            (10000)
  --thorough         records: every size of batch, by 1 and 8 writers
                     compile: a project of 6,000 scripts as well
  --seconds <n>      actions, outbound, records: length of each load; upgrade: of each of its three parts (15)
  --from <commit>    upgrade: what it begins with                 (HEAD~20)
  --expiries <n>     refresh: how many tokens end                 (1000)
  --kill-every <n>   refresh: refreshes for each killed process   (25; 0 kills none)
  --seeds <n>        chaos: how many random scripts               (200)
  --first <n>        chaos, fuzz-api, siege: the first seed       (1)
  --minutes <n>      siege, load, fuzz-api: for how long         (60, 3, 3)
  --connections <n>  load, deploy: how many                      (200, 10000)
  --every <n>        load: seconds between two runs of a sync     (30)
  --syncs <n>        waiting, fairness, concurrency: how many at once (2000, 2000, 200)
  --actions <n>      soak: how many actions                      (100000)
  --runs <n>         soak: how many sync runs                    (10000)
  --idle <n>         rest, soak, waiting, concurrency: seconds of rest before it is measured (30)
  --profile <folder> actions, outbound, records, sync: CPU profile of the platform's process, for Chrome's DevTools
`;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean' },
    save: { type: 'boolean' },
    records: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '15' },
    seeds: { type: 'string', default: '200' },
    first: { type: 'string', default: '1' },
    from: { type: 'string', default: 'HEAD~20' },
    minutes: { type: 'string' },
    connections: { type: 'string' },
    every: { type: 'string', default: '30' },
    syncs: { type: 'string' },
    actions: { type: 'string', default: '100000' },
    runs: { type: 'string', default: '10000' },
    idle: { type: 'string', default: '30' },
    expiries: { type: 'string', default: '1000' },
    'kill-every': { type: 'string', default: '25' },
    preload: { type: 'string', default: '10000' },
    thorough: { type: 'boolean', default: false },
    profile: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});
const name = positionals[0] ?? '';
const bench = BENCHES[name];

if (name === 'side-by-side') {
  const isWell = await runSideBySide(positionals.slice(1), (line) => process.stdout.write(`${line}\n`));
  process.exitCode = isWell ? 0 : 1;
} else if (bench === undefined || flags.help) {
  process.stdout.write(HELP);
  process.exitCode = flags.help ? 0 : 1;
} else {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  await runProcess(async (closing) => {
    const around = await surroundings();
    say(`bench     ${name}\n${around}\n`);
    const profile = flags.profile !== undefined && PROFILED.has(name) ? resolve(flags.profile) : undefined;
    const {
      syncs = name === 'waiting' || name === 'fairness' ? '2000' : '200',
      minutes = name === 'load' || name === 'fuzz-api' ? '3' : '60',
      connections = name === 'deploy' ? '10000' : '200',
    } = flags;
    const options = {
      records: Number(flags.records),
      seconds: Number(flags.seconds),
      idle: Number(flags.idle),
      seeds: Number(flags.seeds),
      first: Number(flags.first),
      from: flags.from,
      minutes: Number(minutes),
      connections: Number(connections),
      every: Number(flags.every),
      syncs: Number(syncs),
      actions: Number(flags.actions),
      runs: Number(flags.runs),
      expiries: Number(flags.expiries),
      killEvery: Number(flags['kill-every']),
      preload: Number(flags.preload),
      thorough: flags.thorough,
      profile,
      say,
    };
    // Not awaited here: then a signal in the middle of a load ends it, and every process is stopped on the way out.
    const work = bench(closing, options).then((raw) => {
      const figures = rounded(raw);
      say(`\n${tableOf(figures)}\n`);
      if (profile) say(`CPU profiles are in ${profile}`);
      else if (PROFILED.has(name)) say(`Where the time goes: npm run -s bench -- ${name} --profile <folder>`);
      const command = `npm run -s bench -- ${process.argv
        .slice(2)
        .filter((arg) => arg !== '--save')
        .join(' ')}`;
      if (flags.save) saveResult({ bench: name, command, surroundings: around, figures });
      if (flags.json) say(JSON.stringify({ bench: name, figures }));
    });
    return { until: work };
  });
}
