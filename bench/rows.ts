import type { Figures } from './bench.ts';

export type Row = {
  readonly what: string;
  /** As it was measured before, on a quiet machine of two cores. */
  readonly incumbent: string;
  readonly aim: string;
  readonly bench: string;
  readonly read: (figures: Figures) => string;
};

const figure =
  (name: string, unit: string) =>
  (figures: Figures): string =>
    `${figures[name]?.toLocaleString('en') ?? '?'} ${unit}`;

/** What is to be beaten, and the bench whose figures say whether it is. */
export const ROWS: readonly Row[] = [
  {
    what: 'action over REST, one caller',
    incumbent: 'p50 54–108 ms, p99 10 s',
    aim: 'p50 ≤ 22 ms, p99 ≤ 60 ms',
    bench: 'actions',
    read: (all) => `p50 ${all['action_p50_ms']} ms, p99 ${all['action_p99_ms']} ms`,
  },
  {
    what: 'actions, 20 callers',
    incumbent: '37–44/s',
    aim: '≥ 90/s, ≥ 80 % of the bare engine',
    bench: 'actions',
    read: (all) => `${all['actions_per_s_20']}/s, the bare engine ${all['bare_per_s_20']}/s`,
  },
  {
    what: 'first sync, upstream 0 ms',
    incumbent: '2,075 rec/s, 3,129 tuned',
    aim: '≥ 20,000 rec/s',
    bench: 'sync',
    read: figure('first_sync_rps_0ms', 'rec/s'),
  },
  {
    what: 'first sync, upstream 50 ms',
    incumbent: '1,237 rec/s tuned',
    aim: '≥ 1,900 rec/s',
    bench: 'sync',
    read: (all) =>
      `${figure('first_sync_rps_50ms', 'rec/s')(all)}, a client that only fetches ${figure('straight_rps_50ms', 'rec/s')(all)}`,
  },
  {
    what: 'same again, nothing changed',
    incumbent: '306 rec/s, 5,645 tuned',
    aim: '≥ 20,000 rec/s',
    bench: 'sync',
    read: figure('unchanged_sync_rps_0ms', 'rec/s'),
  },
  {
    what: 'GET /records, limit 100',
    incumbent: '8,778 rec/s',
    aim: '≥ 60,000 rec/s',
    bench: 'records',
    read: figure('read_rps_100', 'rec/s'),
  },
  {
    what: 'GET /records, limit 1,000',
    incumbent: '15,692 rec/s',
    aim: '≥ 60,000 rec/s',
    bench: 'records',
    read: figure('read_rps_1000', 'rec/s'),
  },
  {
    what: 'proxy overhead, p50',
    incumbent: '5.5–6 ms',
    aim: '≤ 1.5 ms',
    bench: 'outbound',
    read: figure('proxy_overhead_p50_ms', 'ms'),
  },
  {
    what: 'proxy, 20 callers',
    incumbent: '293/s',
    aim: '≥ 1,000/s',
    bench: 'outbound',
    read: (all) => `${all['proxy_per_s_20']}/s`,
  },
  {
    what: 'memory at rest, everything, PSS',
    incumbent: '1,039 MiB',
    aim: '≤ 600 MiB',
    bench: 'rest',
    read: (all) => `${all['pss_mib']} MiB, ${all['cpu_percent']} % of a core`,
  },
  {
    what: 'script process killed in mid sync',
    incumbent: '294 s shown as running, never retried',
    aim: 'resumed ≤ 15 s, ≤ 1 page repeated',
    bench: 'chaos',
    read: (all) => `resumed ≤ ${all['resume_script_s_max']} s, ≤ ${all['repeated_gets_max']} pages repeated`,
  },
  {
    what: 'every server process killed under work',
    incumbent: 'sync fails, not retried',
    aim: 'all runs go on',
    bench: 'cluster',
    read: (all) => `${all['runs_succeeded']} of ${all['runs']} runs succeeded, ${all['posts_repeated']} POSTs repeated`,
  },
  {
    what: 'compile of 317 scripts with zod',
    incumbent: '19.6 s',
    aim: '≤ 4 s',
    bench: 'compile',
    read: (all) => `${all['cold_s']} s cold, ${all['warm_s']} s warm`,
  },
  {
    what: 'syncs due again and again',
    incumbent: 'unknown',
    aim: 'all that are due, in time',
    bench: 'load',
    read: (all) =>
      `${all['runs_per_s']} of ${all['due_per_s']} runs/s, delay p50 ${all['schedule_delay_p50_ms']} ms, p99 ${all['schedule_delay_p99_ms']} ms, ${all['cpu_ms_per_run']} ms CPU a run`,
  },
  {
    what: '2,000 syncs inside rate limits',
    incumbent: 'unknown',
    aim: 'memory as at rest',
    bench: 'waiting',
    read: (all) => `${all['waiting']} wait, ${all['growth_mib']} MiB more than at rest`,
  },
  {
    what: '200 syncs at once, upstream 200 ms',
    incumbent: 'unknown',
    aim: '≥ 90 % of the upstream’s limit, ≤ 12 MiB each',
    bench: 'concurrency',
    read: (all) => `${all['limit_percent']} %, ${all['mib_per_running_sync']} MiB each`,
  },
];
