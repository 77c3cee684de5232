import { Paper, Text, Title } from '@mantine/core';
import { useRef } from 'react';
import { useNow } from '../parts/moment.tsx';
import { useWindowed } from '../parts/windowed.ts';
import type { OneRun, RunCalls } from '../shapes.ts';
import { duration } from '../words.ts';

type Item = {
  readonly key: string;
  readonly at: number;
  readonly kind: 'start' | 'call' | 'log' | 'wait' | 'end';
  readonly tone?: string;
  readonly text: string;
  readonly note?: string;
  /** Since the answer before it. */
  readonly tookMs?: number;
};

/** A silence longer than this is shown as the wait it was. */
const WAIT_MS = 5_000;
const LINE_PX = 40;

/** Calls, log lines and waits in the order in which they happened, each with the time it took. */
export function Timeline({ of, calls }: { readonly of: OneRun; readonly calls: RunCalls }) {
  const now = useNow();
  const items = itemsOf(of, calls, now.getTime());
  const longest = Math.max(1, ...items.map(({ tookMs = 0 }) => tookMs));
  const begun = items[0]?.at ?? 0;
  const list = useRef<HTMLOListElement>(null);
  const shown = useWindowed(list, { count: items.length, keyOf: (at) => items[at]?.key ?? '', estimatePx: LINE_PX });
  return (
    <Paper withBorder p="md">
      <Title order={2} mb="sm">
        Timeline
      </Title>
      <ol className="timeline" ref={list} style={{ paddingTop: shown.beforePx, paddingBottom: shown.afterPx }}>
        {shown.items.map(({ index }) => {
          const item = items[index];
          return (
            item && (
              <Line
                key={item.key}
                of={item}
                index={index}
                count={items.length}
                begun={begun}
                longest={longest}
                measure={shown.measure}
              />
            )
          );
        })}
      </ol>
      {!calls.kept && of.finished_at !== null && (
        <Text size="sm" c="dimmed" mt="sm">
          The journal of this run is not kept, so its calls are not listed; NANGO_JOURNAL_KEEP=all keeps those of all
          runs.
        </Text>
      )}
      {calls.more && (
        <Text size="sm" c="dimmed" mt="sm">
          Only the first {calls.calls.length.toLocaleString('en')} calls are listed.
        </Text>
      )}
    </Paper>
  );
}

type LineOptions = {
  readonly of: Item;
  readonly index: number;
  readonly count: number;
  readonly begun: number;
  readonly longest: number;
  readonly measure: (line: HTMLLIElement | null) => void;
};

function Line({ of, index, count, begun, longest, measure }: LineOptions) {
  return (
    <li ref={measure} data-index={index} data-kind={of.kind} aria-setsize={count} aria-posinset={index + 1}>
      <span className="when" title={new Date(of.at).toLocaleString()}>
        {of.kind === 'start' ? new Date(of.at).toLocaleTimeString() : `+${duration(of.at - begun)}`}
      </span>
      <span className="dot" data-tone={of.tone} aria-hidden />
      <div>
        <Text size="sm" className="odd-name" ff={of.kind === 'call' ? 'monospace' : 'text'} component="span">
          {of.text}
        </Text>
        {of.note && (
          <Text size="xs" c="dimmed" className="odd-name">
            {of.note}
          </Text>
        )}
        {of.tookMs !== undefined && of.tookMs > 0 && (
          <span className="bar" aria-hidden style={{ width: `${Math.max(0.5, (100 * of.tookMs) / longest)}%` }} />
        )}
      </div>
    </li>
  );
}

function itemsOf(run: OneRun, { calls }: RunCalls, now: number): readonly Item[] {
  const start = Date.parse(run.started_at ?? run.created_at);
  const items: Item[] = [{ key: 'start', at: start, kind: 'start', tone: 'busy', text: 'The script starts' }];
  let before = start;
  // Log lines stand in the log already.
  for (const call of calls.filter(({ kind }) => kind !== 'log')) {
    const at = Date.parse(call.at);
    const tookMs = Math.max(0, at - before);
    items.push({
      key: `call ${call.number}`,
      at,
      kind: 'call',
      tone: call.ok ? 'good' : 'bad',
      text: callText(call.kind, call.args),
      note: `${answerText(call)}${duration(tookMs)}${tookMs > WAIT_MS ? ', waits included' : ''}`,
      tookMs,
    });
    before = at;
  }
  for (const line of run.logs)
    items.push({
      key: `log ${line.seq}`,
      at: Date.parse(line.at),
      kind: 'log',
      tone: line.level,
      text: line.message,
      note: line.level,
    });
  items.sort((a, b) => a.at - b.at);
  if (run.state === 'waiting') {
    const until = run.resume_at === null ? null : Date.parse(run.resume_at);
    const left = until === null ? undefined : Math.max(0, until - now);
    items.push({
      key: 'wait',
      at: now,
      kind: 'wait',
      tone: 'waiting',
      text: `Waits: ${run.wait_reason ?? 'for a start'}`,
      note: left === undefined ? 'until it is started again' : `${duration(left)} left, nothing is held meanwhile`,
      ...(left !== undefined && { tookMs: left }),
    });
  }
  if (run.finished_at !== null)
    items.push({
      key: 'end',
      at: Date.parse(run.finished_at),
      kind: 'end',
      tone: run.state === 'success' ? 'good' : 'bad',
      text: `Ended: ${run.state}`,
    });
  return items;
}

/** A call in a few words. What is long was cut by the server, and is no JSON then. */
function callText(kind: string, args: string): string {
  try {
    const { config, model, rows, ids, ms } = JSON.parse(args) as {
      config?: { method?: string; endpoint?: string; params?: unknown };
      model?: string;
      rows?: number;
      ids?: unknown[];
      ms?: number;
    };
    if (config)
      return `${config.method ?? 'GET'} ${config.endpoint}${config.params ? ` ${JSON.stringify(config.params)}` : ''}`;
    if (kind === 'saveRecords') return `batchSave ${model}: ${rows ?? ids?.length ?? 0} records`;
    if (kind === 'deleteRecords') return `batchDelete ${model}: ${ids?.length ?? 0} records`;
    if (kind === 'timer') return `setTimeout ${ms} ms`;
  } catch {
    // Shown as it is.
  }
  return args === '{}' ? kind : `${kind} ${args.slice(0, 200)}`;
}

function answerText({ ok, answer }: RunCalls['calls'][number]): string {
  try {
    const value = JSON.parse(answer) as { status?: number; code?: string; message?: string } | null;
    if (!ok) return `${value?.code}: ${value?.message} · `;
    return value?.status === undefined ? '' : `answered ${value.status} · `;
  } catch {
    return '';
  }
}
