/**
 * Calls of `/proxy` and the limits that the APIs have told of, whichever process was told so. Those of one connection that
 * wait in this process stand in line together, in turn with the runs and the callers of other processes.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from '../contract/failures.ts';
import { MAX_WAIT_IN_PLACE_MS } from '../outbound/request.ts';
import type { Turns } from '../outbound/turns.ts';
import { type ApiLimit, currentLimit, type LimitScope, noteLimit } from '../store/api-limits.ts';
import { type CallInLine, type CallLine, openCallLine } from '../store/call-turns.ts';
import { createKnownLimits, SPREAD_MS } from '../store/known-limits.ts';
import type { ApiDeps } from './deps.ts';

export type LimitedCall = {
  readonly connection: string;
  readonly scope: LimitScope;
  readonly signal: AbortSignal;
  /** False: it goes out at once, whatever the API has told, and only tells of what it meets. */
  readonly waits: boolean;
};

export type LimitWait = {
  /**
   * How one call comes by its attempts. Before each it waits for a limit that ends soon, and then for its turn, but for no
   * more than ten seconds: after these what the API answers is the caller's to see. Nobody waits for a limit to be noted.
   * Throws `script_aborted` when the caller goes away.
   */
  readonly turnsOf: (call: LimitedCall) => Turns;
};

type Wait = { readonly of: LimitedCall; readonly inLine: CallInLine; readonly leftMs: () => number };
type Leave = (isLimited: boolean) => void;

const GIVEN_UP = Symbol('it has waited long enough');

export function openLimitWait({ db, clock, log }: Pick<ApiDeps, 'db' | 'clock' | 'log'>): LimitWait {
  const known = createKnownLimits((connection) => currentLimit(db, connection, clock()));
  /** One for each connection that calls wait for, none otherwise. */
  const lines = new Map<string, CallLine>();
  const runId = `callers:${randomUUID()}`;
  // Processes that wait for the same moment must not come at the same moment.
  const spreadMs = Math.round(Math.random() * SPREAD_MS);
  let callers = 0;

  const lineOf = ({ connection, scope }: LimitedCall): CallLine => {
    const of = { runId, connectionRow: connection, scope, isCallers: true };
    const line =
      lines.get(connection) ?? openCallLine({ db, clock, stored: (step) => step() }, of, { isResumed: false });
    lines.set(connection, line);
    return line;
  };
  const tidy = ({ connection }: LimitedCall): void => {
    if (lines.get(connection)?.closeIfUnused()) lines.delete(connection);
  };
  const note = (connection: string, limit: ApiLimit & { readonly scope: LimitScope }): void => {
    known.learn(connection, limit);
    noteLimit(db, connection, limit).catch((error: unknown) => log('limit.unnoted', { reason: String(error) }));
  };
  const beginWait = (of: LimitedCall, number: number): Wait => {
    const begun = performance.now();
    const leftMs = () => MAX_WAIT_IN_PLACE_MS - (performance.now() - begun);
    const wait: CallInLine['wait'] = async (until, _, sooner) => {
      const waitMs = Math.min(until - clock().getTime(), leftMs());
      if (waitMs <= 0) throw GIVEN_UP;
      await untilDue(waitMs, of.signal, sooner);
    };
    return { of, inLine: { number, signal: of.signal, wait }, leftMs };
  };

  /** The limits that hold first, then the turn; undefined: it goes without. */
  const comesIn = async ({ of, inLine, leftMs }: Wait): Promise<Leave | undefined> => {
    for (let waitedUntil = 0; ; ) {
      const due = (await known.of(of.connection))?.until.getTime() ?? 0;
      const waitMs = due - clock().getTime();
      if (due > waitedUntil && waitMs > 0) {
        if (waitMs > leftMs()) return undefined;
        await lineOf(of).hold(due, inLine, () => untilDue(waitMs + spreadMs, of.signal));
        waitedUntil = due;
        continue;
      }
      const line = lines.get(of.connection);
      if (line === undefined) return undefined;
      const leave = await line.turn(inLine);
      if (leave !== undefined) return leave;
    }
  };

  return {
    turnsOf: (of) => {
      callers += 1;
      const number = callers;
      return {
        take: async (make) => {
          let leave: Leave | undefined;
          let isLimited = false;
          try {
            if (of.waits) leave = await comesIn(beginWait(of, number)).catch(orGivenUp);
            const made = await make();
            isLimited = made.limit !== undefined;
            if (made.limit !== undefined) note(of.connection, { ...made.limit, scope: of.scope });
            return made;
          } finally {
            leave?.(isLimited);
            tidy(of);
          }
        },
        hold: async (due, wait) => {
          const { inLine } = beginWait(of, number);
          await lineOf(of)
            .hold(due.getTime(), inLine, wait)
            .finally(() => tidy(of));
        },
      };
    },
  };
}

function orGivenUp(error: unknown): undefined {
  if (error !== GIVEN_UP) throw error;
}

async function untilDue(waitMs: number, signal: AbortSignal, sooner?: Promise<void>): Promise<void> {
  const over = new AbortController();
  try {
    const waited = delay(waitMs, undefined, { signal: AbortSignal.any([signal, over.signal]) });
    await (sooner === undefined ? waited : Promise.race([sooner, waited]));
  } catch (cause) {
    throw new EngineError('script_aborted', 'The caller went away while its call waited for a limit', { cause });
  } finally {
    over.abort();
  }
}
