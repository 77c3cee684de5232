/** What is asked of the runs of this process: heard at once by a notification, and read again at each flush of a run. */
import { EngineError } from '../contract/failures.ts';
import type { Control } from '../contract/sync.ts';
import type { Database } from '../store/db.ts';
import { listen } from '../store/listen.ts';
import { CONTROL_CHANNEL, controlsOf } from '../store/run-control.ts';

export type WatchedRun = {
  /** Ends when somebody cancels the run; its reason is `script_aborted`. */
  readonly cancelled: AbortSignal;
  /** Ends when somebody pauses the run; by the time that takes effect it may have been started again. */
  readonly paused: AbortSignal;
  /** What the run's row says, for whoever has just read it. */
  readonly heed: (control: Control | null) => void;
  readonly end: () => void;
};

export type RunControl = {
  /** Watches a run until `end`. Begin before the run's row is read, so that nothing is missed in between. */
  readonly watch: (runId: string) => WatchedRun;
  readonly close: () => Promise<void>;
};

/** Opens the one connection on which a process hears of its runs. */
export function openRunControl(deps: {
  readonly db: Database;
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void;
}): RunControl {
  // Two attempts of one run may be here, one of them without its fence: a map would mix them up.
  const watched = new Set<{ readonly runId: string; readonly run: WatchedRun }>();

  const look = (runIds: readonly string[]): void => {
    if (runIds.length === 0) return;
    controlsOf(deps.db, runIds).then(
      (controls) => {
        for (const { runId, run } of watched) run.heed(controls.get(runId) ?? null);
      },
      // Its next flush reads the row again.
      (error: unknown) => deps.log('run.control_unread', { reason: reasonOf(error) }),
    );
  };

  const listener = listen(deps.db, CONTROL_CHANNEL, {
    connected: () => look([...watched].map(({ runId }) => runId)),
    notice: (runId) => look([...watched].filter((one) => one.runId === runId).map((one) => one.runId)),
    lost: (error) => deps.log('run.control_lost', { reason: reasonOf(error) }),
  });

  return {
    watch: (runId) => {
      const entry = { runId, run: watchRun(() => watched.delete(entry)) };
      watched.add(entry);
      return entry.run;
    },
    close: listener.close,
  };
}

function watchRun(end: () => void): WatchedRun {
  const cancelling = new AbortController();
  const pausing = new AbortController();
  return {
    cancelled: cancelling.signal,
    paused: pausing.signal,
    heed: (control) => {
      if (control === 'cancel') cancelling.abort(new EngineError('script_aborted', 'The run was cancelled'));
      if (control === 'pause') pausing.abort();
    },
    end,
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
