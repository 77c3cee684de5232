/** The bodies of webhooks about runs; their shapes are those of nango-surface section 7.5, with a `sequence` added. */
import { createHash, createHmac } from 'node:crypto';
import stringify from 'safe-stable-stringify';
import type { RecordCounts } from '../contract/host.ts';
import type { EndedRun } from '../store/run-ends.ts';
import type { WebhookSettings } from '../store/webhook-settings.ts';

export type Webhook = { readonly subject: string; readonly type: string; readonly payload: Record<string, unknown> };

const NOTHING: RecordCounts = { added: 0, updated: 0, deleted: 0 };

/** What an application with these settings is told of a run that ended; nothing of cancelled and skipped ones. */
export function webhooksOf(run: EndedRun, settings: WebhookSettings): Webhook[] {
  if (run.state !== 'success' && run.state !== 'failed') return [];
  if (run.kind === 'action') return run.detached && settings.on_async_action_completion ? [asyncAction(run)] : [];
  if (run.state === 'failed') return settings.on_sync_error ? [syncError(run)] : [];
  const changed = Object.entries(run.counts).filter(([, counts]) => counts.added + counts.updated + counts.deleted > 0);
  const models = settings.on_sync_completion_always
    ? [...run.models, ...Object.keys(run.counts)]
    : changed.map(([model]) => model);
  return [...new Set([...models, ...Object.keys(run.held)])].map((model) => syncSuccess(run, model));
}

function syncSuccess(run: EndedRun, model: string): Webhook {
  // Records of this run were modified at or after its start: reading from there misses none.
  const start = (run.startedAt ?? run.finishedAt).toISOString();
  return {
    subject: model,
    type: 'sync',
    payload: {
      ...aboutSync(run),
      model,
      success: true,
      modifiedAfter: start,
      queryTimeStamp: start,
      responseResults: run.counts[model] ?? NOTHING,
      ...(run.held[model] !== undefined && { deletionsHeld: run.held[model] }),
    },
  };
}

function syncError(run: EndedRun): Webhook {
  const { code, message, payload } = run.error ?? { code: 'internal', message: 'The run ended without an outcome' };
  return {
    subject: 'error',
    type: 'sync',
    payload: {
      ...aboutSync(run),
      model: run.models.join(','),
      success: false,
      error: { type: code, description: message, ...(payload !== undefined && { payload }) },
      startedAt: (run.startedAt ?? run.finishedAt).toISOString(),
      failedAt: run.finishedAt.toISOString(),
      // The sync runs less often from here on, until it succeeds.
      ...(run.failuresInARow !== null && { failuresInARow: run.failuresInARow }),
    },
  };
}

function aboutSync(run: EndedRun): Record<string, unknown> {
  return {
    from: 'nango',
    type: 'sync',
    connectionId: run.connectionId,
    providerConfigKey: run.providerConfigKey,
    syncName: run.name,
    syncVariant: run.variant,
    syncType: run.kind === 'webhook' ? 'WEBHOOK' : run.isIncremental ? 'INCREMENTAL' : 'INITIAL',
  };
}

function asyncAction(run: EndedRun): Webhook {
  return {
    subject: 'async_action',
    type: 'async_action',
    payload: {
      from: 'nango',
      type: 'async_action',
      connectionId: run.connectionId,
      providerConfigKey: run.providerConfigKey,
      payload: { id: run.runId, statusUrl: `/action/${run.runId}` },
    },
  };
}

/** The exact bytes of a webhook: keys sorted, so that a receiver who parses and writes it again gets the same. */
export function bodyOf({ payload }: Webhook, sequence: string): string {
  return stringify({ ...payload, sequence: Number(sequence) }) ?? '';
}

/** `X-Nango-Signature` is SHA-256 of key and body, `X-Nango-Hmac-Sha256` the HMAC; both hexadecimal. */
export function signatureHeaders(key: string, body: string): Record<string, string> {
  return {
    'x-nango-signature': createHash('sha256').update(`${key}${body}`).digest('hex'),
    'x-nango-hmac-sha256': createHmac('sha256', key).update(body).digest('hex'),
  };
}
