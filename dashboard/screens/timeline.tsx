import { Paper, Text, Title } from '@mantine/core';
import { useRef } from 'react';
import { useNow } from '../parts/moment.tsx';
import { useWindowed } from '../parts/windowed.ts';
import type { OneRun, RunCalls } from '../shapes.ts';
import { count, duration } from '../words.ts';

type Item = {
  readonly key: string;
  readonly at: number;
  readonly kind: 'start' | 'call' | 'left out' | 'log' | 'wait' | 'replay' | 'end';
  readonly tone?: string;
  readonly text: string;
  readonly note?: string;
  /** Since the answer before it. */
  readonly tookMs?: number;
};

const REPLAYS: Readonly<Record<OneRun['replays'][number]['why'], string>> = {
  process: "Replayed: the script's process died",
  worker: 'Replayed: its worker stopped or died, and another one took over',
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
      {calls.calls.length === 0 && of.finished_at !== null && of.requests > 0 && (
        <Text size="sm" c="dimmed" mt="sm">
          The calls of this run are not kept.
        </Text>
      )}
      {calls.left_out === null && (
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

function itemsOf(run: OneRun, told: RunCalls, now: number): readonly Item[] {
  const start = Date.parse(run.started_at ?? run.created_at);
  const items: Item[] = [
    { key: 'start', at: start, kind: 'start', tone: 'busy', text: 'The script starts' },
    ...callItems(told),
  ];
  for (const line of run.logs)
    items.push({
      key: `log ${line.seq}`,
      at: Date.parse(line.at),
      kind: 'log',
      tone: line.level,
      text: line.message,
      note: line.level,
    });
  for (const [index, { at, why }] of run.replays.entries())
    items.push({
      key: `replay ${index}`,
      at: Date.parse(at),
      kind: 'replay',
      tone: 'waiting',
      text: REPLAYS[why],
      note: 'It went on where it was: what had been answered was replayed, not asked again',
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

function callItems({ calls, left_out, left_out_after }: RunCalls): readonly Item[] {
  const items = calls.map(({ text, answer, ok, at, took_ms, times }, index): Item => {
    const answered = [ok ? answer && `answered ${answer}` : answer, times > 1 && `${times} times in a row`];
    const took = `${duration(took_ms)}${took_ms > WAIT_MS ? ', waits included' : ''}`;
    return {
      key: `call ${index}`,
      at: Date.parse(at),
      kind: 'call',
      tone: ok ? 'good' : 'bad',
      text,
      note: [...answered, took].filter(Boolean).join(' · '),
      tookMs: took_ms,
    };
  });
  const before = items[left_out_after - 1];
  if (!left_out || before === undefined) return items;
  const gap: Item = { key: 'left out', at: before.at, kind: 'left out', text: `${count(left_out, 'more call')} here` };
  return items.toSpliced(left_out_after, 0, gap);
}
