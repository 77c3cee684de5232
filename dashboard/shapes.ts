/** What the API answers, by the code that makes it where that is a function, written out where it is not. */
import type { listedConnection, maskedConnection } from '../api/connection-view.ts';
import type { RunCalls } from '../api/run-calls.ts';
import type { operationView } from '../api/operation-view.ts';
import type { runView } from '../api/run-view.ts';
import type { describeSyncs } from '../api/sync-status.ts';
import type { NumberedMessage } from '../store/operation-messages.ts';
import type { RecordPreview } from '../api/routes/dashboard-records.ts';

export type { RecordPreview, RunCalls };

export type Counts = Readonly<
  Record<string, { readonly added: number; readonly updated: number; readonly deleted: number }>
>;
export type Run = ReturnType<typeof runView>;
export type ListedRun = Run & { readonly counts: Counts };
export type LogLine = { readonly seq: number; readonly at: string; readonly level: string; readonly message: string };
export type OneRun = ListedRun & { readonly logs: readonly LogLine[]; readonly logs_after: number };
export type Operation = ReturnType<typeof operationView>;
export type Message = NumberedMessage;
export type SyncStatus = Awaited<ReturnType<typeof describeSyncs>>[number];
export type ListedConnection = ReturnType<typeof listedConnection>;

export type OneConnection = ReturnType<typeof maskedConnection>;

export type StoredRecord = Readonly<Record<string, unknown>> & {
  readonly id: string | number;
  readonly _nango_metadata: {
    readonly first_seen_at: string;
    readonly last_modified_at: string;
    readonly last_action: string;
    readonly deleted_at: string | null;
    readonly pruned_at: string | null;
    readonly cursor: string;
  };
};

export type Integration = {
  readonly unique_key: string;
  readonly provider: string;
  readonly display_name: string;
  readonly created_at: string;
};

export type Overview = {
  readonly since: string;
  readonly hours: readonly {
    readonly hour: string;
    readonly runs: Readonly<Record<string, number>>;
    readonly records: number;
  }[];
  readonly trouble: readonly Run[];
  readonly totals: {
    readonly integrations: number;
    readonly connections: number;
    readonly broken_connections: number;
    readonly scripts: number;
  };
  readonly queue_lag_ms: number;
};

export type Script = {
  readonly id: number;
  readonly type: 'sync' | 'action';
  readonly name: string;
  readonly version: string;
  readonly description: string | null;
  readonly models: readonly string[];
  readonly runs: string | null;
  readonly sync_type: string | null;
  readonly track_deletes: boolean;
  readonly auto_start: boolean;
  readonly input: string | null;
  readonly json_schema: { readonly definitions?: Readonly<Record<string, JsonSchema>> } | null;
  readonly source: string | null;
  readonly last_deployed: string;
};

/** As much of JSON Schema as forms are made of. */
export type JsonSchema = {
  readonly type?: string | readonly string[];
  readonly $ref?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
};

/** A provider's entry, as much of it as forms and lists need. */
export type Provider = {
  readonly name: string;
  readonly display_name?: string;
  readonly categories?: readonly string[];
  readonly auth_mode: string;
  readonly docs?: string;
  readonly connection_config?: Readonly<Record<string, ProviderField>>;
  readonly credentials?: Readonly<Record<string, ProviderField>>;
};

/** Whether its connections sign in through an app that the integration registers. */
export const hasApp = ({ auth_mode }: Pick<Provider, 'auth_mode'>): boolean =>
  auth_mode === 'OAUTH2' || auth_mode === 'OAUTH1';

export type ProviderField = {
  readonly title?: string;
  readonly description?: string;
  readonly example?: string;
  readonly pattern?: string;
  readonly format?: string;
  readonly prefix?: string;
  readonly suffix?: string;
  readonly default_value?: string;
  readonly optional?: boolean;
  readonly automated?: boolean;
  readonly secret?: boolean;
  readonly hidden?: boolean;
  readonly enum?: readonly string[];
  readonly order?: number;
};
