/**
 * Keeps what a run does: records, checkpoints, log lines and the journal's answers, buffered and committed together, so
 * that what the script was told and what is stored can never differ. One flush is under way at a time; each is counted
 * in the run's row, which tells a flush whose commit was in doubt from one that was lost, and is fenced by it.
 */
import { EngineError } from '../contract/failures.ts';
import type { PendingCall, RecordCounts } from '../contract/host.ts';
import type { Journal, JournalEntry } from '../contract/journal.ts';
import type { Control } from '../contract/sync.ts';
import { hashArguments } from '../sandbox/arguments.ts';
import { writeCheckpoint } from '../store/checkpoints.ts';
import { type Queryable, withTransaction } from '../store/db.ts';
import { notePendingAnswered, journalChunk, savePendingCalls } from '../store/journal.ts';
import { decodeChunk, encodeChunk } from '../store/journal-codec.ts';
import { createRecordSeal } from '../store/record-seal.ts';
import { ignoreIfModifiedAfter } from '../store/merging-strategies.ts';
import { deleteRecords, saveRecords, updateRecords } from '../store/records.ts';
import { addLogLines, type LogLine } from '../store/run-logs.ts';
import { addViolations } from '../store/run-violations.ts';
import { type Attempt, countFlush } from '../store/runs.ts';
import { writeMetadata } from '../store/connections.ts';
import { type Batch, emptyBatch, isEmpty, keptOf } from './batch.ts';
import type { Dependencies, ScriptLimits } from './dependencies.ts';
import { isRefusal, storeAcceptable } from './refusals.ts';
import { journalFull } from './journal-bound.ts';
import { mergeWrites, type RowsWrite, sizeOf, type Write } from './writes.ts';
import { untilStored } from './store-retry.ts';
import { tellCalls } from './told-calls.ts';
import type { ToldCalls } from '../store/run-calls.ts';

export type Recorder = {
  readonly journal: Journal;
  /**
   * Takes a write of the call of that number; resolves when there is room for more. It is stored by the flush that also
   * keeps the call's answer, so neither is ever there without the other.
   */
  readonly write: (call: number, write: Write) => Promise<void>;
  /** Stores the writes of a call that will get no answer, and commits with everything else what `also` does: a new journal. */
  readonly flushStaged: (call: number, also: (db: Queryable) => Promise<void>) => Promise<void>;
  /** Waits while more is buffered than should be. False when the log is full and the line is not kept. */
  readonly log: (line: LogLine) => Promise<boolean>;
  readonly countRequest: () => void;
  /** Commits everything buffered so far, and with it what `also` does. */
  readonly flush: (also?: (db: Queryable) => Promise<void>) => Promise<void>;
  /** As `flush`, where nobody will go on behind the answers: those that the journal has no room for are not kept. */
  readonly conclude: (also: (db: Queryable) => Promise<void>) => Promise<void>;
  /**
   * Forgets the answers so far and tells what else there is to count, of an attempt that has stored nothing and has
   * nothing else to store; of any other it does nothing and answers undefined. For ends that drop the journal.
   */
  readonly takeUnstored: () => { readonly requests: number; readonly runningMs: number } | undefined;
  /** Commits that a call is about to go on the wire. */
  readonly intend: (call: PendingCall) => Promise<void>;
  /** The pending call of that number has its answer, which is recorded next. */
  readonly answered: (number: number) => void;
  /** Chunks of the journal that are stored. */
  readonly chunks: () => number;
  /** Bytes of the journal so far, compressed. */
  readonly journalBytes: () => number;
  /** For how long the script has done something new. */
  readonly liveMs: () => number;
  /** The run's calls in few words, those of earlier attempts too. */
  readonly toldCalls: () => ToldCalls;
};

/** Requests that were made and records that changed. */
export type Stored = RecordCounts & { readonly requests: number };

type Also = (db: Queryable) => Promise<void>;

const FLUSH_AFTER_BYTES = 512 * 1024;
/** More than this is not buffered: writes then wait for the flush under way. */
const MAX_BUFFERED_BYTES = 8 * 1024 * 1024;
/** A script that logs in an endless loop must not fill the disk. */
const MOST_LOG_BYTES = 16 * 1024 * 1024;
/** What a line takes besides its text. */
const LINE_BYTES = 64;
const FULL = 'The log of this run is full (16 MB): what it writes from here on is not kept.';

/**
 * @param fail gets the one fault that ends the attempt: another attempt took over, a row was refused, a chunk is damaged,
 *   the journal is full. Past the last, the run can still be concluded.
 * @param heed hears at each flush what is asked of the run.
 */
export function createRecorder(
  deps: Pick<Dependencies, 'db' | 'box' | 'clock' | 'encryptsRecords' | 'flushWindow' | 'meter'> & {
    readonly limits: Pick<ScriptLimits, 'journal'>;
  },
  run: Attempt,
  pending: readonly PendingCall[],
  options: {
    readonly signal: AbortSignal;
    readonly fail: (fault: EngineError) => void;
    readonly heed: (control: Control | null) => void;
    /** Hears what each flush has stored. */
    readonly onStored?: ((stored: Stored) => void) | undefined;
    /** Hears each answer that comes from the journal. */
    readonly onRead?: (entry: JournalEntry) => void;
  },
): Recorder {
  const place = { runId: run.runId, generation: run.generation };
  const limits = deps.limits.journal;
  const staged = new Map<number, Write[]>();
  const answered = new Set<number>();
  const calls = tellCalls(run.beginsAt);
  let batch = emptyBatch();
  let flushed = run.flushed;
  let chunk = run.chunks;
  let readChunk = 0;
  let journalBytes = run.journalBytes;
  let logBytes = run.logBytes;
  let timer: NodeJS.Timeout | undefined;
  let underway: Promise<void> = Promise.resolve();
  let isFlushing = false;
  let fault: unknown;
  let isFull = false;
  /** What the flush under way has changed; of one whose commit was in doubt it is known from before. */
  let written = NOTHING;
  // Going through the journal is no running time. Durations are those of this machine, whatever clock the script sees.
  let liveSince = run.chunks === 0 ? performance.now() : undefined;
  let liveFrom = liveSince;

  /** The chunk of these entries; none where there are none, or where they find no room and nobody needs them any more. */
  const chunkFor = (entries: readonly JournalEntry[], isLast: boolean): Buffer | undefined => {
    if (entries.length === 0) return undefined;
    const data = encodeChunk(deps.box, { ...place, chunk }, entries);
    const bytes = journalBytes + data.byteLength;
    if (bytes <= limits.mostBytes) return data;
    if (isLast) return undefined;
    isFull = true;
    throw journalFull(run, bytes, limits);
  };

  const commit = async (taken: Batch, data: Buffer | undefined, also: Also | undefined): Promise<void> => {
    const number = flushed + 1;
    const takenAt = performance.now();
    const runningMs = Math.round(takenAt - (liveSince ?? takenAt));
    const writes = mergeWrites(taken.writes);
    const store = (apply: typeof applyWhole) =>
      withTransaction(deps.db, async (db) => {
        const { requests, logBytes } = taken;
        const kept = data && { generation: place.generation, chunk, data };
        const flushOf = { runId: run.runId, fence: run.fence, number };
        const counted = await countFlush(db, { ...flushOf, requests, logBytes, runningMs, chunk: kept });
        if (counted.status === 'lost')
          throw new EngineError('lease_lost', 'Another attempt of this run has taken over');
        // The commit whose outcome was unknown did happen: nothing is done, and nothing counted, twice.
        if (counted.status === 'done') return;
        options.heed(counted.control);
        written = NOTHING;
        for (const write of writes) await apply(db, write);
        await notePendingAnswered(db, place, taken.answered);
        await addLogLines(db, run.runId, taken.lines);
        await also?.(db);
      });
    // Refusals are rare: looking for the one record costs a second transaction, not a savepoint for each write.
    const storeAll = () =>
      store(applyWhole).catch((error) => {
        if (isRefusal(error)) return store(applyAcceptable).catch(unacceptable);
        throw error;
      });
    await untilStored(storeAll, options.signal);
    deps.meter.recordsWritten(written);
    options.onStored?.({ requests: taken.requests, ...written });
    written = NOTHING;
    flushed = number;
    liveSince &&= takenAt;
    if (data) chunk += 1;
    journalBytes += data?.byteLength ?? 0;
  };

  const scope = { connectionRow: run.connectionRow, variant: run.variant };
  const seal = createRecordSeal(deps.box, deps.encryptsRecords ?? false);
  const writer = (model: string) => {
    return { ...scope, model, runId: run.runId, fence: run.fence, syncId: run.syncId, at: deps.clock(), seal };
  };
  const storeRows = async (db: Queryable, { kind, model, ids, rows }: RowsWrite): Promise<void> => {
    const store = kind === 'save' ? saveRecords : updateRecords;
    written = sum(written, await store(db, { ...writer(model), ids }, rows));
  };

  const applyWhole = async (db: Queryable, write: Write): Promise<void> => {
    switch (write.kind) {
      case 'save':
      case 'update':
        await storeRows(db, write);
        break;
      case 'delete':
        written = sum(written, await deleteRecords(db, { ...writer(write.model), ids: write.ids }));
        break;
      case 'strategy':
        if (write.strategy === 'ignore_if_modified_after') await ignoreIfModifiedAfter(db, writer(write.model));
        break;
      case 'violations':
        await addViolations(db, run.runId, write.violations);
        break;
      case 'checkpoint':
        await writeCheckpoint(db, { ...scope, kind: run.kind, name: run.name }, write.value, deps.clock());
        break;
      case 'metadata':
        await writeMetadata(db, {
          id: run.connectionRow,
          metadata: write.metadata,
          merge: write.merge,
          at: deps.clock(),
        });
        break;
      default:
        write satisfies never;
    }
  };
  const applyAcceptable = (db: Queryable, write: Write): Promise<void> =>
    write.kind === 'save' || write.kind === 'update'
      ? storeAcceptable(db, run.runId, write, (part) => storeRows(db, part))
      : applyWhole(db, write);

  const flush = (also?: Also, isLast = false): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    const next = underway.then(async () => {
      // A failed flush is for good: what came after it must not be committed without it. One that found no room stays in the
      // batch, and is there for the end of its run.
      if (fault !== undefined && !(isFull && isLast)) throw fault;
      const taken = batch;
      if (isEmpty(taken) && also === undefined) return;
      const data = chunkFor(taken.entries, isLast);
      batch = emptyBatch();
      isFlushing = true;
      await commit(taken, data, also).finally(() => {
        isFlushing = false;
      });
    });
    underway = next.catch((error) => {
      fault ??= error;
      options.fail(asFault(error));
    });
    return next;
  };

  const grown = (bytes: number): void => {
    batch.bytes += bytes;
    if (batch.bytes >= FLUSH_AFTER_BYTES && !isFlushing) flushSoon();
    else timer ??= setTimeout(flushSoon, deps.flushWindow.ms());
  };
  // Its failure is reported through `fail`.
  const flushSoon = (): void => void flush().catch(() => undefined);

  const read = async (): Promise<readonly JournalEntry[]> => {
    if (readChunk >= run.chunks) {
      liveFrom ??= performance.now();
      liveSince ??= liveFrom;
      return [];
    }
    const at = { ...place, chunk: readChunk++ };
    const data = await untilStored(() => journalChunk(deps.db, at), options.signal);
    if (data === undefined) throw new EngineError('journal_damaged', `Chunk ${at.chunk} of the journal is missing`);
    const entries = decodeChunk(deps.box, at, data);
    for (const entry of entries) {
      calls.hear(entry);
      options.onRead?.(entry);
    }
    return entries;
  };

  const unstage = (call: number): void => {
    batch.writes.push(...(staged.get(call) ?? []));
    staged.delete(call);
  };

  return {
    journal: {
      read,
      pending: new Map(pending.map((call) => [call.number, call])),
      hash: hashArguments(deps.box.open(run.sealedSeed)),
      record: (entry) => {
        unstage(entry.number);
        const kept = keptOf(entry, journalBytes < limits.hardBytes ? limits.bodyBytes : 0);
        batch.entries.push(kept);
        calls.hear(kept);
        grown(kept.json.length + kept.args.length + (kept.body?.length ?? 0));
        if (!answered.delete(entry.number)) return;
        // In the same flush as the answer itself, or a death in between would have the call made again as a new one; and
        // soon, since until it is kept, a death of this process leaves the call in doubt.
        batch.answered.push(entry.number);
        flushSoon();
      },
    },
    write: async (call, write) => {
      staged.set(call, [...(staged.get(call) ?? []), write]);
      grown(write.kind === 'save' || write.kind === 'update' ? sizeOf(write.rows) : 64);
      if (batch.bytes > MAX_BUFFERED_BYTES) await flush();
    },
    flushStaged: (call, also) => {
      unstage(call);
      return flush(also, true);
    },
    log: async (line) => {
      if (logBytes >= MOST_LOG_BYTES) return false;
      const bytes = Buffer.byteLength(line.message) + LINE_BYTES;
      logBytes += bytes;
      batch.logBytes += bytes;
      batch.lines.push(logBytes < MOST_LOG_BYTES ? line : { ...line, level: 'warn', message: FULL });
      grown(bytes);
      if (batch.bytes > MAX_BUFFERED_BYTES) await flush();
      return true;
    },
    countRequest: () => {
      batch.requests += 1;
    },
    flush: (also) => flush(also),
    conclude: (also) => flush(also, true),
    takeUnstored: () => {
      const { requests } = batch;
      const hasMore = batch.writes.length + batch.lines.length + batch.answered.length + staged.size > 0;
      if (flushed > 0 || isFlushing || fault !== undefined || hasMore) return undefined;
      clearTimeout(timer);
      timer = undefined;
      batch = emptyBatch();
      const now = performance.now();
      return { requests, runningMs: Math.round(now - (liveSince ?? now)) };
    },
    intend: (call) => flush((db) => savePendingCalls(db, place, [call])),
    answered: (number) => void answered.add(number),
    chunks: () => chunk,
    journalBytes: () => journalBytes,
    toldCalls: calls.told,
    liveMs: () => (liveFrom === undefined ? 0 : performance.now() - liveFrom),
  };
}

const NOTHING: RecordCounts = { added: 0, updated: 0, deleted: 0 };

function sum(one: RecordCounts, other: RecordCounts): RecordCounts {
  return {
    added: one.added + other.added,
    updated: one.updated + other.updated,
    deleted: one.deleted + other.deleted,
  };
}

function asFault(error: unknown): EngineError {
  return error instanceof EngineError ? error : new EngineError('internal', 'A flush failed', { cause: error });
}

/** What is no record and still refused for its content would be refused each time: the run ends and says so. */
function unacceptable(error: unknown): never {
  if (!isRefusal(error)) throw error;
  const reason = error instanceof Error ? error.message : String(error);
  throw new EngineError('record_invalid', `Postgres refuses what the script stores: ${reason}`, { cause: error });
}
