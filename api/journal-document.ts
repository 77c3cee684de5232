/** The journal of an ended run as a document, credentials masked; `contract/journal-document.ts` says how it reads. */
import { isUtf8 } from 'node:buffer';
import { EngineError, failureCode } from '../contract/failures.ts';
import { JOURNAL_FORMAT, type JournalEnd, type JournalHead, type JournalLine } from '../contract/journal-document.ts';
import { guestContext } from '../contract/script.ts';
import { paginateDefaults } from '../outbound/catalogue.ts';
import { journalChunk } from '../store/journal.ts';
import { decodeChunk } from '../store/journal-codec.ts';
import { keptUntil } from '../store/journal-retention.ts';
import { type JournalSource, journalSource } from '../store/journal-source.ts';
import type { RunView } from '../store/run-views.ts';
import type { ApiDeps } from './deps.ts';
import { createJournalMask, type MaskedEntry } from './journal-mask.ts';

type Deps = Pick<ApiDeps, 'db' | 'box' | 'catalogue' | 'journals' | 'scriptLimits' | 'version'>;

/**
 * Opens the journal; the lines are read as they are taken. Throws `conflict` for a run that has not ended, since its
 * seed must stay a secret until then, and `journal_gone` where the journal is not kept (any more).
 */
export async function openJournal(
  deps: Deps,
  run: RunView,
  view: JournalHead['run'],
): Promise<AsyncGenerator<string, void>> {
  if (run.finishedAt === null) {
    throw new EngineError(
      'conflict',
      `Run '${run.id}' is ${run.state}: its journal is given out when it has ended. GET /runs/${run.id} shows how it goes.`,
    );
  }
  const source = await journalSource(deps.db, run.id);
  if (source === undefined) throw new EngineError('unknown_run', `Run '${run.id}' was deleted.`);
  if (source.beginsAt === null) {
    throw new EngineError('journal_gone', `Run '${run.id}' ended as ${run.state} before its script began.`);
  }
  if (source.keptBytes < source.journalBytes) throw goneJournal(deps, run, run.finishedAt);
  return documentLines(deps, source, headOf(deps, run, view, source, source.beginsAt));
}

function headOf(
  deps: Deps,
  run: RunView,
  view: JournalHead['run'],
  source: JournalSource,
  beginsAt: Date,
): JournalHead {
  if (source.bundle === null) throw new EngineError('internal', `The bundle of run '${run.id}' is not stored`);
  const { environment, environmentId, models, lastSyncDate, provider, input, bundle } = source;
  const { memoryMb, cpuMs } = deps.scriptLimits;
  return {
    format: JOURNAL_FORMAT,
    engine: deps.version,
    run: view,
    bundle,
    context: guestContext(
      { ...run, environment, models, lastSyncDate },
      { ...run, environmentId, provider, paginate: paginateDefaults(deps.catalogue, provider) },
    ),
    input,
    seed: deps.box.open(source.sealedSeed),
    beginsAt: beginsAt.toISOString(),
    limits: { memoryMb, cpuMs },
  };
}

async function* documentLines(deps: Deps, source: JournalSource, head: JournalHead): AsyncGenerator<string, void> {
  const mask = createJournalMask(JSON.parse(deps.box.open(source.sealedCredentials)));
  yield line(head);
  let entries = 0;
  for (let chunk = 0; chunk < source.chunks; chunk += 1) {
    const place = { runId: source.runId, generation: source.generation, chunk };
    const read = await readChunk(deps, place);
    if ('failure' in read) return yield line(read);
    for (const entry of read.entries) yield line(spelled(mask(entry)));
    entries += read.entries.length;
  }
  yield line({ entries } satisfies JournalEnd);
}

/** The answer has begun, so a damaged chunk is told in its place. */
async function readChunk(deps: Deps, place: { runId: string; generation: number; chunk: number }) {
  const data = await journalChunk(deps.db, place);
  try {
    if (data !== undefined) return { entries: decodeChunk(deps.box, place, data) };
  } catch (error) {
    if (failureCode(error) !== 'journal_damaged') throw error;
  }
  const what = data === undefined ? 'was dropped meanwhile' : 'is damaged';
  const message = `Chunk ${place.chunk} of the journal of run '${place.runId}' ${what}.`;
  return { failure: { code: 'journal_damaged', message } } as const;
}

function spelled({ body, ...entry }: MaskedEntry): JournalLine {
  if (body === undefined) return entry;
  if (typeof body === 'string') return { ...entry, body };
  const bytes = isUtf8(body) ? 'utf8' : 'base64';
  return { ...entry, body: Buffer.from(body).toString(bytes), bytes };
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

function goneJournal({ journals }: Deps, run: RunView, finishedAt: Date): EngineError {
  const ended = `it ended as ${run.state} at ${finishedAt.toISOString()}`;
  const until = keptUntil({ state: run.state, finishedAt }, journals);
  const reason =
    until === null
      ? `${ended}, and NANGO_JOURNAL_KEEP=${journals.keep} keeps ${journals.keep === 'none' ? 'no journals' : 'journals of failed and cancelled runs'}. 'all' keeps those of all runs that end from then on.`
      : `${ended}; it was kept until ${until.toISOString()} at most (NANGO_JOURNAL_KEEP_DAYS=${journals.days}).`;
  return new EngineError('journal_gone', `The journal of run '${run.id}' is not there any more: ${reason}`);
}
