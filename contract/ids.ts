/** The one place that spells workflow and schedule ids. Parts are percent-encoded, so no two things share an id. */

/** The names that make one deployed sync of one connection. `variant` is `'base'` unless the sync was split. */
export type SyncAddress = {
  readonly environment: string;
  readonly integration: string;
  readonly connection: string;
  readonly sync: string;
  readonly variant: string;
};

const BASE_VARIANT = 'base';

/** `sync:<environment>:<integration>:<connection>:<sync>[:<variant>]`, the id of the schedule. */
export function scheduleId(address: SyncAddress): string {
  const parts = [address.environment, address.integration, address.connection, address.sync];
  if (address.variant !== BASE_VARIANT) parts.push(address.variant);
  return ['sync', ...parts.map(encodePart)].join(':');
}

/** The id of a run started outside the schedule (a trigger): the schedule's id and the run's own. */
export function syncWorkflowId(address: SyncAddress, runId: string): string {
  return `${scheduleId(address)}:run:${encodePart(runId)}`;
}

/** `action:<environment>:<integration>:<connection>:<action>:<run>`. */
export function actionWorkflowId(address: {
  readonly environment: string;
  readonly integration: string;
  readonly connection: string;
  readonly action: string;
  readonly runId: string;
}): string {
  const parts = [address.environment, address.integration, address.connection, address.action, address.runId];
  return ['action', ...parts.map(encodePart)].join(':');
}

/** `webhook:<delivery>`. */
export function webhookWorkflowId(deliveryId: string): string {
  return `webhook:${encodePart(deliveryId)}`;
}

/** `inbound:<run>`: a run that handles a provider's webhook. */
export function inboundWorkflowId(runId: string): string {
  return `inbound:${encodePart(runId)}`;
}

/** As many bytes as Temporal takes. */
const LONGEST_SHARE = 64;

/**
 * Whose share of the workers a workflow of a sync or an action is: its environment's. Of tasks that wait, Temporal hands out
 * as many of one share as of another. Undefined for a workflow of nobody in particular.
 */
export function shareOf(workflowId: string): string | undefined {
  const [kind, environment] = workflowId.split(':');
  return kind === 'sync' || kind === 'action' ? environment?.slice(0, LONGEST_SHARE) : undefined;
}

// encodeURIComponent leaves !'()* alone and throws on lone surrogates: both are spelt out here.
function encodePart(part: string): string {
  return encodeURIComponent(part.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
