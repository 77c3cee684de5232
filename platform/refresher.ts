import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { EngineError, type FailureCode } from '../contract/failures.ts';
import type { RefreshElsewhere, RefreshReason } from '../outbound/auth/keeper.ts';
import type { Log } from '../runtime/log.ts';
import { tellTime, type ToldTime } from './told-clock.ts';

export type RefresherSettings = {
  readonly databaseUrl: string;
  /** The key of today first, then those before it. */
  readonly keys: readonly string[];
  readonly providersFile: string | undefined;
  readonly allow: readonly string[];
};
type Named = {
  readonly id: number;
  readonly version: number;
  readonly provider: string;
  readonly providerConfigKey: string;
  readonly connectionId: string;
};
export type ToRefresher =
  | { readonly open: RefresherSettings }
  /** `time`: by its parent's clock, which it goes by. */
  | { readonly number: number; readonly connection: Named; readonly reason: RefreshReason; readonly time: ToldTime };
export type RefreshFault = { readonly code: FailureCode; readonly message: string; readonly payload: unknown };
export type FromRefresher =
  | { readonly log: readonly [string, Readonly<Record<string, unknown>>] }
  | { readonly number: number }
  | {
      readonly number: number;
      readonly failure: RefreshFault;
    };

export type Refresher = { readonly refresh: RefreshElsewhere; readonly close: () => Promise<void> };

const SCRIPT = fileURLToPath(new URL('./refresher-process.ts', import.meta.url));
/** A process without work ends after this long; the next refresh starts another. */
const IDLE_MS = 60_000;

type Pending = { readonly resolve: () => void; readonly reject: (error: EngineError) => void };

/**
 * Refreshes in a process of their own, started when the first is wanted. It is in a process group of its own, so that a
 * signal to ours does not reach it, and gets its secrets over the pipe, not by its environment.
 */
export function createRefresher(
  settings: RefresherSettings,
  { log, clock }: { readonly log: Log; readonly clock: () => Date },
): Refresher {
  const pending = new Map<number, Pending>();
  let child: ChildProcess | undefined;
  let idle: NodeJS.Timeout | undefined;
  let last = 0;
  const restIfIdle = (): void => {
    clearTimeout(idle);
    if (pending.size > 0) return;
    idle = setTimeout(() => {
      child?.disconnect();
      child = undefined;
    }, IDLE_MS);
    idle.unref();
  };
  const onMessage = (message: FromRefresher): void => {
    if ('log' in message) return log(...message.log);
    const waiting = pending.get(message.number);
    pending.delete(message.number);
    if ('failure' in message) waiting?.reject(errorOf(message.failure));
    else waiting?.resolve();
    restIfIdle();
  };
  const start = (): ChildProcess => {
    const started = fork(SCRIPT, [], {
      detached: true,
      env: {},
      execArgv: ['--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    started.on('message', onMessage);
    started.once('exit', () => {
      if (child !== started) return;
      child = undefined;
      // Whoever waits reads the row: what this process has written by then counts.
      for (const [number, { reject }] of pending) {
        pending.delete(number);
        reject(
          new EngineError('refresh_failed', 'The process that refreshes tokens ended; try again', {
            details: { payload: { retry_at: new Date(0).toISOString() } },
          }),
        );
      }
    });
    started.unref();
    started.channel?.unref();
    started.send({ open: settings } satisfies ToRefresher);
    return started;
  };
  return {
    refresh: ({ id, version = 0, provider, providerConfigKey, connectionId }, reason) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      last += 1;
      const number = last;
      pending.set(number, { resolve, reject });
      clearTimeout(idle);
      child ??= start();
      // Held open while somebody waits: a process must not end by itself before its token has come.
      child.channel?.ref();
      const connection = { id, version, provider, providerConfigKey, connectionId };
      child.send({ number, connection, reason, time: tellTime(clock) } satisfies ToRefresher);
      return promise.finally(() => {
        if (pending.size === 0) child?.channel?.unref();
      });
    },
    close: async () => {
      clearTimeout(idle);
      const closing = child;
      child = undefined;
      if (closing === undefined || closing.exitCode !== null || closing.signalCode !== null) return;
      const exited = new Promise((resolve) => closing.once('exit', resolve));
      closing.ref();
      closing.disconnect();
      await exited;
    },
  };
}

function errorOf({ code, message, payload }: RefreshFault): EngineError {
  return new EngineError(code, message, { details: payload === undefined ? {} : { payload } });
}
