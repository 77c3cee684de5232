import type { Meter } from '../contract/meter.ts';
import type { Tracing } from '../contract/tracing.ts';
import type { Client } from '@temporalio/client';
import type { ActionLeft, AllocatedRun } from '../contract/engine.ts';
import type { ScriptOutcome, ScriptRun } from '../contract/script.ts';
import type { Catalogue } from '../outbound/catalogue.ts';
import type { Keeper } from '../outbound/auth/keeper.ts';
import type { Delivery } from '../outbound/delivery.ts';
import type { Outbound } from '../outbound/request.ts';
import type { Database } from '../store/db.ts';
import type { RoomLimits } from '../store/run-room.ts';
import type { JournalRetention } from '../store/journal-retention.ts';
import type { RecordRetention } from '../store/record-retention.ts';
import type { SecretBox } from '../store/secret-box.ts';
import type { FlushWindow } from './flush-window.ts';
import type { RunControl } from './run-control.ts';

/** What activities work with. Composed once per process; tests hand in the same real parts. */
export type Dependencies = {
  readonly db: Database;
  readonly box: SecretBox;
  /** Whether payloads of records are sealed as they are stored. @default false */
  readonly encryptsRecords?: boolean;
  readonly sandbox: { readonly run: (run: ScriptRun) => Promise<ScriptOutcome> };
  readonly control: RunControl;
  readonly outbound: Outbound;
  /** Tokens of connections, renewed where they end. */
  readonly keeper: Pick<Keeper, 'current' | 'refresh'>;
  readonly delivery: Delivery;
  /** Where the REST API is reached from outside. */
  readonly publicUrl: () => string;
  readonly catalogue: Catalogue;
  /** Asked about schedules and about the workflows of runs; never about records. */
  readonly client: Client;
  /** Starts the workflow of an allocated run; starting it twice starts it once. */
  readonly startSync: (run: AllocatedRun) => Promise<void>;
  /** Starts the workflow of a webhook's delivery; starting it twice starts it once. */
  readonly startDelivery: (deliveryId: string) => Promise<void>;
  /** Starts the workflow of an allocated run of an action or a webhook; starting it twice starts it once. */
  readonly startAction: (run: { readonly runId: string; readonly workflowId: string }) => Promise<void>;
  /** Runs an allocated action to its end; one that runs already is waited for. */
  readonly runAction: (run: { readonly runId: string; readonly workflowId: string }) => Promise<unknown>;
  /** Tells Temporal at once what has changed in Postgres. */
  readonly reconcile: () => Promise<void>;
  /** The one clock of the engine (`store/shared-clock.ts`): start times, leases, limits and records go by it, never by `Date.now()`. */
  readonly clock: () => Date;
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly flushWindow: FlushWindow;
  readonly meter: Meter;
  readonly tracing: Tracing;
  readonly limits: ScriptLimits;
  /** @default for ever */
  readonly recordsKept?: RecordRetention;
  /** Whose journals outlive their run, and for how long. */
  readonly journals: JournalRetention;
  /** After how many days operations and log lines are removed. */
  readonly logDays: number;
  /** Days after which runs and deliveries that have ended go; 0 for never. */
  readonly runDays: number;
  /** A task queue that this process alone polls: what it runs already must not be begun elsewhere. */
  readonly processQueue: string;
  /** Hears of each action that is no longer at work in this process, for callers who wait for it here. */
  readonly actionLeft?: ((runId: string, how: ActionLeft) => void) | undefined;
};

export type ScriptLimits = {
  readonly memoryMb: number;
  readonly cpuMs: number;
  readonly syncWallClockMs: number;
  readonly actionWallClockMs: number;
  /** Starts of one run's script without an answer kept, after which it fails; waits do not count. */
  readonly maxIdleStarts: number;
  /** Actions under way at once that one run has caused, by its own calls and those of the actions it called. */
  readonly calledActions: number;
  /** Sync runs at work at once. */
  readonly rooms: RoomLimits;
  /** For how long a sync runs in one go while others wait. */
  readonly sliceMs: number;
  /** Failures in a row after which a sync runs less often; 0 for never. */
  readonly backOffAfter: number;
  readonly journal: JournalLimits;
};

/** How much a run may remember, in bytes. All but the first count what is stored, compressed. */
export type JournalLimits = {
  /** A larger answer of a GET is not kept: a run that goes on asks for it again. */
  readonly bodyBytes: number;
  /** Past this the next checkpoint is where the script begins again, with an empty journal. */
  readonly softBytes: number;
  /** Past this no answer of a GET is kept. */
  readonly hardBytes: number;
  /** Past this nothing more is kept, and the run fails. */
  readonly mostBytes: number;
};

const MB = 1024 * 1024;
export const JOURNAL_LIMITS: JournalLimits = {
  bodyBytes: 32 * MB,
  softBytes: 64 * MB,
  hardBytes: 256 * MB,
  mostBytes: 1024 * MB,
};
