import type { Entry, Source } from './document.ts';
import { reject } from './document.ts';

/**
 * What the grammar has and the engine does not do yet. Each rule is one function, refused instead of silently ignored;
 * deleting the function and its call is all it takes once the engine can.
 */
export function refuseTrackDeletes(source: Source, sync: string, trackDeletes: Entry): void {
  reject(
    source,
    trackDeletes.offset,
    `track_deletes of sync '${sync}' is 'true': deletions cannot be detected yet; remove the line, and send rows that are gone with nango.batchDelete`,
  );
}
