/** One execution of an author's script, as the sandbox is asked for it and as it answers. */
import type { FailureCode, FailureDetails } from './failures.ts';
import type { Host } from './host.ts';
import type { Journal, Suspension } from './journal.ts';

/** What a run runs: a sync's or an action's function, or a sync's handler of webhooks. On-event scripts run as actions. */
export type RunKind = 'sync' | 'action' | 'webhook';

/** A script and everything it imports as one CommonJS text. `hash` is that of the code alone. */
export type ScriptBundle = {
  readonly hash: string;
  readonly code: string;
  /** Source map of `code` (JSON text); paths in it are relative to the integrations folder. */
  readonly sourceMap: string;
  /** The author's file, relative to the integrations folder. */
  readonly file: string;
};

export type Limits = {
  readonly memoryMb: number;
  /** Processor time between two host calls; catches `while (true)`. */
  readonly cpuMs: number;
  /** Time a script may run in all, waits of the engine left out. */
  readonly wallClockMs: number;
  readonly maxCallsInFlight: number;
  /** Size of one frame in either direction: a response body, a batch, an action's input or output. */
  readonly maxFrameBytes: number;
};

/** What the guest `nango` object knows without asking. */
export type GuestContext = {
  readonly environmentName: string;
  readonly environmentId?: number;
  readonly providerConfigKey: string;
  readonly provider: string;
  readonly connectionId: string;
  readonly scriptName: string;
  /** ISO time; null on the first run and after a reset. Absent for actions. */
  readonly lastSyncDate?: string | null;
  readonly variant?: string;
  /** Models the sync declared; saving another one is an error. Absent for actions. */
  readonly models?: readonly string[];
  readonly isCli?: boolean;
  /** The provider's own settings of `paginate`, under those of a call. */
  readonly paginate?: Readonly<Record<string, unknown>>;
  /** Whether input, output and records are checked by the script's own zod schemas, where it has them. */
  readonly validate?: boolean;
  /**
   * `play`: answers come from a recording, which holds failures as answers and inputs as they were given. `save`: one is
   * being made.
   */
  readonly recording?: 'play' | 'save';
};

/** What a deployed script knows without asking, the same in each of its attempts. */
export function guestContext(
  run: {
    readonly kind: RunKind;
    readonly environment: string;
    readonly name: string;
    readonly variant: string;
    readonly models: readonly string[] | null;
    readonly lastSyncDate: Date | null;
  },
  connection: {
    readonly environmentId: string;
    readonly providerConfigKey: string;
    readonly provider: string;
    readonly connectionId: string;
    readonly paginate: GuestContext['paginate'];
  },
): GuestContext {
  const common = {
    environmentName: run.environment,
    environmentId: Number(connection.environmentId),
    providerConfigKey: connection.providerConfigKey,
    provider: connection.provider,
    connectionId: connection.connectionId,
    scriptName: run.name,
    ...(connection.paginate && { paginate: connection.paginate }),
  };
  if (run.kind === 'action') return common;
  const lastSyncDate = run.lastSyncDate?.toISOString() ?? null;
  return { ...common, variant: run.variant, models: run.models ?? [], lastSyncDate };
}

/** A debugger's line into a script; messages are those of the Chrome DevTools protocol, as JSON text. */
export type DebuggerLine = {
  /** Called once, when there is something to talk to. */
  readonly connect: (send: (message: string) => void) => void;
  /** Takes what the script's side answers and tells. */
  readonly receive: (message: string) => void;
};

export type ScriptRun = {
  /** Runs of different environments never share a process. */
  readonly environment: string;
  readonly bundle: ScriptBundle;
  readonly kind: RunKind;
  readonly context: GuestContext;
  /** The action's input as JSON text; undefined when there is none. */
  readonly input: string | undefined;
  /** Hex of 32 secret random bytes; the guest's `Math.random` and `crypto.randomUUID` follow from it. */
  readonly seed: string;
  /** The guest's clock: read once for every answer delivered. */
  readonly clock: () => Date;
  /** What the guest's clock shows until its first answer; the same in each pass over one journal. @default clock() */
  readonly beginsAt?: Date;
  readonly host: Host;
  readonly limits: Limits;
  /** Running time of earlier passes, which counts against the wall clock. @default 0 */
  readonly ranMs?: number;
  /** Stops the run. With the reason `script_aborted` nobody goes on with it, so no call in flight is waited for. */
  readonly signal: AbortSignal;
  /** Suspends the run as soon as the calls at work have their answers; no further call is begun. */
  readonly interrupt?: AbortSignal;
  /** Without one the script cannot be resumed: a wait is then waited for in place. */
  readonly journal?: Journal;
  /** The script then waits for `Runtime.runIfWaitingForDebugger`, and may compute for as long as it is looked at. */
  readonly debugger?: DebuggerLine;
  /** Set for a run that was there when processes died: it gets one of its own. */
  readonly alone?: boolean;
};

export type ScriptFailure = {
  readonly code: FailureCode;
  readonly message: string;
  readonly details: FailureDetails;
};

export type ScriptOutcome =
  | { readonly status: 'completed'; readonly output: string | undefined; readonly calls: number }
  | { readonly status: 'failed'; readonly failure: ScriptFailure; readonly calls: number }
  /** Every outstanding call waits, and for long, or the run was interrupted. `calls` of them were made so far. */
  | { readonly status: 'suspended'; readonly suspension: Suspension; readonly calls: number }
  /** The script went another way than its journal says. */
  | { readonly status: 'diverged'; readonly reason: string; readonly calls: number }
  /** The host asked for a new pass from the checkpoint. */
  | { readonly status: 'restart'; readonly calls: number };
