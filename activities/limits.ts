import { type ApiLimit, currentLimit, type LimitScope, noteLimit } from '../store/api-limits.ts';
import { type CallInLine, type CallLine, openCallLine } from '../store/call-turns.ts';
import { createKnownLimits, SPREAD_MS } from '../store/known-limits.ts';
import type { Attempt } from '../store/runs.ts';
import type { Dependencies } from './dependencies.ts';
import { untilStored } from './store-retry.ts';

/** A call, and for whom a limit holds that it meets. */
export type LimitedCall = CallInLine & {
  readonly connection: number;
  readonly scope: LimitScope;
  /** It waited in an earlier attempt of the run. */
  readonly isBack: boolean;
};

export type ApiLimits = {
  /**
   * Makes the call once no API wants to hear nothing of its connection, whichever run was told so, and it is its turn
   * among all calls that have waited for that.
   */
  readonly inTurn: <T>(call: LimitedCall, make: () => Promise<T>) => Promise<T>;
  /** Lets the call wait by `wait` for a limit until `due`, its run's place in line kept. */
  readonly hold: (call: LimitedCall, due: number, wait: () => Promise<void>) => Promise<void>;
  readonly note: (call: LimitedCall, limit: ApiLimit) => Promise<void>;
};

/** The limits that runs share through Postgres, as one run meets them. */
export function openApiLimits(
  deps: Pick<Dependencies, 'db' | 'clock'>,
  { runId, fence }: Pick<Attempt, 'runId' | 'fence'>,
): ApiLimits {
  const { db, clock } = deps;
  const isResumed = fence > 1;
  const lines = new Map<number, CallLine>();
  const spreadMs = Math.round(Math.random() * SPREAD_MS);

  const known = createKnownLimits((connection) => currentLimit(db, connection, clock()));

  const lineOf = ({ connection, scope }: LimitedCall): CallLine => {
    const of = { runId, connectionRow: String(connection), scope };
    const line = lines.get(connection) ?? openCallLine({ db, clock, stored: untilStored }, of, { isResumed });
    lines.set(connection, line);
    return line;
  };
  const holding = async (call: LimitedCall): Promise<ApiLimit | undefined> => {
    const limit = await untilStored(() => known.of(String(call.connection)), call.signal);
    return limit !== undefined && limit.until > clock() ? limit : undefined;
  };

  return {
    inTurn: async (call, make) => {
      const line = lineOf(call);
      if (call.isBack) line.comeBack();
      for (;;) {
        const limit = await holding(call);
        if (limit !== undefined) {
          const due = limit.until.getTime();
          // Runs that wait for the same moment must not come at the same moment.
          await line.hold(due, call, () => call.wait(due + spreadMs, limit.reason));
          continue;
        }
        const leave = await line.turn(call);
        if (leave === undefined) continue;
        let isLimited = false;
        try {
          const made = await make();
          isLimited = (await holding(call)) !== undefined;
          return made;
        } finally {
          leave(isLimited);
        }
      }
    },
    hold: (call, due, wait) => lineOf(call).hold(due, call, wait),
    note: async ({ connection, scope, signal }, limit) => {
      await untilStored(() => noteLimit(db, String(connection), { ...limit, scope }), signal);
      known.learn(String(connection), { ...limit, scope });
    },
  };
}
