import { journalChunk } from '../store/journal.ts';
import { decodeChunk } from '../store/journal-codec.ts';
import { journalSource } from '../store/journal-source.ts';
import type { ApiDeps } from './deps.ts';
import { createJournalMask } from './journal-mask.ts';

/** More calls than a person reads; the journal itself has them all. */
const MOST_CALLS = 1_000;
const MOST_CHARACTERS = 2_000;

/**
 * What a run's script asked of the engine, in the order of the answers, from its journal: without bodies, and masked as
 * the journal is that leaves the engine. `kept`: whether the journal is there; that of a run that succeeded seldom is.
 */
export async function callsOfRun(deps: Pick<ApiDeps, 'db' | 'box'>, runId: string) {
  const source = await journalSource(deps.db, runId);
  if (source === undefined || source.beginsAt === null) return { kept: false, begins_at: null, calls: [], more: false };
  const mask = createJournalMask(JSON.parse(deps.box.open(source.sealedCredentials)));
  const calls = [];
  for (let chunk = 0; chunk < source.chunks && calls.length < MOST_CALLS; chunk += 1) {
    const place = { runId, generation: source.generation, chunk };
    const data = await journalChunk(deps.db, place);
    if (data === undefined) break;
    for (const entry of decodeChunk(deps.box, place, data).map(mask)) {
      const { number, kind, args, ok, json, now } = entry;
      const at = new Date(now).toISOString();
      calls.push({
        number,
        kind,
        args: args.slice(0, MOST_CHARACTERS),
        ok,
        answer: json.slice(0, MOST_CHARACTERS),
        at,
      });
    }
  }
  return {
    kept: source.keptBytes > 0 && source.keptBytes >= source.journalBytes,
    begins_at: source.beginsAt.toISOString(),
    calls: calls.slice(0, MOST_CALLS),
    more: calls.length > MOST_CALLS,
  };
}
