import type { RunView } from '../store/run-views.ts';
import type { ApiDeps } from './deps.ts';

/** A run as every route shows it. */
export function runView(deps: Pick<ApiDeps, 'engine'>, run: RunView) {
  return {
    id: run.id,
    kind: run.kind,
    name: run.name,
    variant: run.variant,
    connection_id: run.connectionId,
    provider_config_key: run.providerConfigKey,
    started_by: run.startedBy,
    state: run.state,
    attempts: run.attempts,
    generation: run.generation,
    /** When its script was run again from its journal, because its worker or its process was gone. */
    replays: run.replays,
    running_ms: run.runningMs,
    requests: run.requests,
    resume_at: run.resumeAt?.toISOString() ?? null,
    wait_reason: run.waitReason,
    error: run.error,
    workflow_id: run.workflowId,
    workflow_run_id: run.workflowRunId,
    link: deps.engine.linkTo(run),
    created_at: run.createdAt.toISOString(),
    started_at: run.startedAt?.toISOString() ?? null,
    finished_at: run.finishedAt?.toISOString() ?? null,
  };
}
