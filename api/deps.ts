import type { Authorizer } from '../outbound/auth/authorizer.ts';
import type { Catalogue } from '../outbound/catalogue.ts';
import type { Outbound } from '../outbound/request.ts';
import type { Database } from '../store/db.ts';
import type { OperationSink } from '../contract/operation.ts';
import type { Limits } from '../contract/script.ts';
import type { Tracing } from '../contract/tracing.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { JournalRetention } from '../store/journal-retention.ts';
import type { SecretBox } from '../store/secret-box.ts';
import type { CallLimits } from './call-limits.ts';
import type { Engine } from './engine.ts';
import type { Popups } from './popups.ts';

/** What the routes work with. Composed once per process; tests hand in the same real parts. */
export type ApiDeps = {
  readonly db: Database;
  readonly box: SecretBox;
  readonly engine: Engine;
  readonly popups: Popups;
  readonly outbound: Outbound;
  readonly authorizer: Authorizer;
  readonly catalogue: Catalogue;
  /** Where browsers reach this server. */
  readonly publicUrl: () => string;
  /** Where providers send people back to; the operator may forward another address here. */
  readonly callbackUrl: () => string;
  /** Whether a sign-in must come back to the browser it began in (by a cookie). */
  readonly strictState: boolean;
  readonly clock: () => Date;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  /** Whether this API answers `GET /metrics`; a port of their own may. */
  readonly servesMetrics: boolean;
  readonly log: Log;
  /** Keeps what happened for `/logs`. */
  readonly operations: OperationSink;
  readonly version: string;
  /** Where the Temporal Web UI answers, when that is known. */
  readonly temporalUi?: string | null;
  readonly limits: ApiLimits;
  /** Absent: this API serves no pages. */
  readonly dashboard?: DashboardDeps;
  readonly journals: JournalRetention;
  /** What the workers give a script, for whoever runs one again elsewhere. */
  readonly scriptLimits: Pick<Limits, 'memoryMb' | 'cpuMs'>;
};

export type DashboardDeps = {
  /** Where the built pages are, or will be once they are built. */
  readonly folder: string;
  /** Who signs in to all environments; undefined: nobody does, secret keys alone open the dashboard. */
  readonly operator: { readonly username: string; readonly password: string } | undefined;
  /** False once the server is closing: streams of events end then, instead of holding it open. */
  readonly isOpen: () => boolean;
};

export type ApiLimits = CallLimits & {
  /** Largest JSON body. */
  readonly bodyBytes: number;
  /** How long an answer waits for Temporal to hear of a change that is already stored. */
  readonly reconcileWaitMs: number;
  /** How many proxies stand in front of this server: that many entries of X-Forwarded-For are believed. */
  readonly trustedProxies: number;
  /** For how long what Temporal said of its workers is said again, since anybody may ask. */
  readonly readyForMs: number;
};

export const DEFAULT_LIMITS: ApiLimits = {
  bodyBytes: 75 * 1024 * 1024,
  reconcileWaitMs: 5_000,
  failuresPerMinute: 30,
  callsPerMinute: 600_000,
  trustedProxies: 0,
  readyForMs: 1_000,
};
