/**
 * What a process counts and times, as Prometheus reads it. Labels are words of ours, routes and task queues: never ids of
 * connections or runs, of which there is no end.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Meter } from '../contract/meter.ts';

export type Reading = { readonly labels: Readonly<Record<string, string>>; readonly value: number };

export type Gauges = {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
};

export type Metrics = Meter & {
  readonly requestEnded: (
    request: { readonly method: string; readonly route: string; readonly status: string },
    seconds: number,
  ) => void;
  /**
   * Gauges that `read` answers when somebody asks, and again two seconds later at the soonest. What cannot be read in
   * three seconds is left out: its absence says so.
   */
  readonly watch: (gauges: Gauges, read: () => Promise<readonly Reading[]>) => void;
  /** Adds text in the same format that somebody else makes. */
  readonly append: (text: () => Promise<string>) => void;
  readonly contentType: string;
  readonly text: () => Promise<string>;
};

const REQUEST_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];
const RUN_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 86_400];
const READ_AGAIN_AFTER_MS = 2_000;
const READ_WITHIN_MS = 3_000;

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'nango_http_request_duration_seconds',
    help: 'Time from a request to the end of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: REQUEST_SECONDS,
    registers,
  });
  const runs = new Counter({
    name: 'nango_runs_total',
    help: 'Runs that ended, by how they ended',
    labelNames: ['kind', 'state'],
    registers,
  });
  const running = new Histogram({
    name: 'nango_run_duration_seconds',
    help: 'For how long scripts ran to their end, waits left out',
    labelNames: ['kind', 'state'],
    buckets: RUN_SECONDS,
    registers,
  });
  const records = new Counter({
    name: 'nango_records_written_total',
    help: 'Records that were added, updated or marked as deleted',
    labelNames: ['change'],
    registers,
  });
  const others: (() => Promise<string>)[] = [];
  return {
    runEnded: (run, ranMs) => {
      const { kind, state } = run;
      runs.inc({ kind, state });
      if (ranMs !== undefined) running.observe({ kind, state }, ranMs / 1_000);
    },
    recordsWritten: (counts) => {
      for (const change of ['added', 'updated', 'deleted'] as const) records.inc({ change }, counts[change]);
    },
    requestEnded: (request, seconds) => requests.observe({ ...request }, seconds),
    watch: ({ name, help, labels }, read) => {
      const readings = notTooOften(read);
      new Gauge({
        name,
        help,
        labelNames: [...labels],
        registers,
        async collect() {
          const now = await readings();
          this.reset();
          // Without labels, a reset leaves a zero that nobody has read.
          if (labels.length === 0) this.remove();
          for (const one of now) this.set({ ...one.labels }, one.value);
        },
      });
    },
    append: (text) => void others.push(text),
    contentType: registry.contentType,
    text: async () => {
      const texts = [registry.metrics(), ...others.map((text) => text().catch(() => ''))];
      return (await Promise.all(texts)).join('\n');
    },
  };
}

function notTooOften(read: () => Promise<readonly Reading[]>): () => Promise<readonly Reading[]> {
  let last: { readonly at: number; readonly readings: Promise<readonly Reading[]> } | undefined;
  return () => {
    const at = performance.now();
    if (last === undefined || at - last.at > READ_AGAIN_AFTER_MS) last = { at, readings: readInTime(read) };
    return last.readings;
  };
}

async function readInTime(read: () => Promise<readonly Reading[]>): Promise<readonly Reading[]> {
  const late = Promise.withResolvers<readonly Reading[]>();
  const timer = setTimeout(() => late.resolve([]), READ_WITHIN_MS);
  const readings = read().catch(() => []);
  return Promise.race([readings, late.promise]).finally(() => clearTimeout(timer));
}
