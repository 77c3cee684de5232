/**
 * What the grammar has and the engine does not do yet, each rule once for all project forms: refused, or at least said,
 * instead of silently ignored. Deleting the function and its calls is all it takes once the engine can.
 */

/** Why a sync may not have deletions detected. */
export function refuseTrackDeletes(sync: string, key: 'track_deletes' | 'trackDeletes' = 'track_deletes'): string {
  return `${key} of sync '${sync}' is 'true': deletions cannot be detected yet; remove the line, and send rows that are gone with nango.batchDelete`;
}

/** What becomes of a script for an event: a warning, since the rest of the project is worth having. */
export function noteOnEvent(script: string, event: string): string {
  return `script '${script}' for '${event}': scripts for events are not run yet; it has no effect`;
}

/** What becomes of webhooks sent to a sync. */
export function noteWebhooks(sync: string): string {
  return `webhook subscriptions of sync '${sync}': incoming webhooks do not reach scripts yet; the sync runs by its frequency only`;
}
