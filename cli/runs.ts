/** Runs as the server answers them, and how they look in a terminal. */
import type { RecordCounts } from '../contract/host.ts';
import { type Client, pathPart } from './client.ts';
import { type Output, oneLine, type Style } from './output.ts';

export type LogLine = { readonly seq: number; readonly at: string; readonly level: string; readonly message: string };
export type Run = {
  readonly id: string;
  readonly kind: 'sync' | 'action';
  readonly name: string;
  readonly connection_id: string;
  readonly provider_config_key: string;
  readonly started_by: string;
  readonly state: string;
  readonly attempts: number;
  readonly requests: number;
  readonly resume_at: string | null;
  readonly wait_reason: string | null;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly lastCalls?: readonly string[];
    readonly location?: { readonly file: string; readonly line: number; readonly column: number };
  } | null;
  readonly workflow_id: string;
  readonly link: string | null;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly counts: Readonly<Record<string, RecordCounts>>;
};
export type RunWithLogs = Run & { readonly logs: readonly LogLine[]; readonly logs_after: number };

/** Whether nothing more happens to a run. */
export function hasEnded(run: Pick<Run, 'state'>): boolean {
  return !['queued', 'running', 'waiting'].includes(run.state);
}

/** A run with the log lines after `after`; the server gives up to a thousand of them a call. */
export async function fetchRun(client: Client, id: string, after = 0): Promise<RunWithLogs> {
  return client.call<RunWithLogs>('GET', `/runs/${pathPart(id)}`, { query: { after } });
}

/** All log lines of a run after `after`, handed over page by page; answers the run as the last page knew it. */
export async function readLogs(
  client: Client,
  id: string,
  after: number,
  onLines: (lines: readonly LogLine[]) => void,
): Promise<RunWithLogs> {
  for (let next = after; ; ) {
    const page = await fetchRun(client, id, next);
    if (page.logs.length === 0) return page;
    onLines(page.logs);
    next = page.logs_after;
  }
}

const LEVEL_STYLES: Readonly<Record<string, Style>> = { error: 'red', warn: 'yellow', debug: 'dim' };

export function printLogLine(out: Output, line: LogLine, prefix = ''): void {
  const style = LEVEL_STYLES[line.level];
  const level = style === undefined ? line.level : out.style(style, line.level);
  out.line(`${prefix}${line.at} ${level} ${oneLine(line.message, 20_000)}`);
}

/** `Task: 3 added, 1 updated, 0 deleted`, one model after the other. */
export function countsText(counts: Readonly<Record<string, RecordCounts>>): string {
  return Object.entries(counts)
    .map(([model, { added, updated, deleted }]) => `${model}: ${added} added, ${updated} updated, ${deleted} deleted`)
    .join('; ');
}

/** Until when and why something waits, in one line; nothing when it does not. */
export function waitText(wait: { readonly until: string | null; readonly reason: string | null }): string {
  if (wait.reason === null) return '';
  return oneLine(wait.until === null ? wait.reason : `until ${wait.until}: ${wait.reason}`, 1_000);
}

/** What there is to say of a run: why it waits, its error, or what it did. */
export function outcomeText(run: Run): string {
  if (run.state === 'waiting') return waitText({ until: run.resume_at, reason: run.wait_reason });
  return run.error === null ? countsText(run.counts) : errorText(run);
}

/** The error of a run in one line, with the author's file and line where they are known. */
export function errorText(run: Pick<Run, 'error'>): string {
  if (run.error === null) return '';
  const { location, message, code } = run.error;
  const place = location === undefined ? '' : `${location.file}:${location.line}:${location.column}: `;
  return oneLine(`${place}${message} (${code})`, 2_000);
}
