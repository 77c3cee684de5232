import type { OperationView } from '../store/operation-list.ts';

/** An operation as `/logs` answers it. `run_id` and `delivery_id` name what `/runs` and `/webhooks/deliveries` know more of. */
export function operationView(operation: OperationView) {
  const { id, source, createdAt, endedAt } = operation;
  return {
    id,
    type: operation.type,
    operation: operation.operation,
    status: operation.status,
    provider_config_key: operation.providerConfigKey,
    connection_id: operation.connectionId,
    name: operation.name,
    summary: operation.summary,
    error: operation.error,
    created_at: createdAt.toISOString(),
    ended_at: endedAt?.toISOString() ?? null,
    duration_ms: endedAt === null ? null : Math.max(0, endedAt.getTime() - createdAt.getTime()),
    run_id: source === 'run' ? id : null,
    delivery_id: source === 'delivery' ? id : null,
  };
}
