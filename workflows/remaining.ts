/**
 * How long to wait for what an activity put off: as long as it said, since Temporal's clock, which is the workflow's, may
 * differ from the one that activities go by. Histories recorded before activities said so name the moment only.
 */
export function remainingMs({ at, waitMs }: { readonly at: string; readonly waitMs?: number | undefined }): number {
  return Math.max(1, waitMs ?? Date.parse(at) - Date.now());
}
