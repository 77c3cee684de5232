/** Lets a debugger into one isolate. Messages are those of the Chrome DevTools protocol, as JSON text. */
import type ivm from 'isolated-vm';
import { closeSession, keepSession } from './heap-watch.ts';

export type Debugging = {
  /** Resolves when the debugger says that the script may begin. */
  readonly ready: Promise<void>;
  readonly take: (message: string) => void;
  /** Must come before the end of the isolate. One that is idle must live on until this resolves; a busy one may go at once. */
  readonly close: (isIdle: boolean) => Promise<void>;
};

const GO = 'Runtime.runIfWaitingForDebugger';
/**
 * isolated-vm 7.0.1 may miss a message that comes just before an isolate begins to wait at a breakpoint (its condition
 * variable has no predicate); with the next message it finds both. So one that changes nothing follows until there is an
 * answer.
 */
const NUDGE_ID = -1;
const NUDGE = JSON.stringify({ id: NUDGE_ID, method: 'Runtime.getIsolateId' });
const NUDGE_AFTER_MS = 100;

/** @param send takes what the isolate answers and tells. */
export function openDebugging(isolate: ivm.Isolate, send: (message: string) => void): Debugging {
  const session = isolate.createInspectorSession();
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  const goes = new Set<number>();
  const unanswered = new Set<number>();
  let isOpen = true;
  let nudging: NodeJS.Timeout | undefined;
  const stopNudging = (): void => {
    clearInterval(nudging);
    nudging = undefined;
  };
  const nudge = (): void => {
    if (isOpen && !isolate.isDisposed) session.dispatchProtocolMessage(NUDGE);
    else stopNudging();
  };
  session.onNotification = send;
  session.onResponse = (id, message) => {
    if (id === NUDGE_ID) return;
    send(message);
    unanswered.delete(id);
    if (unanswered.size === 0) stopNudging();
    // Its answer, not itself: what was asked before it has been done by now.
    if (goes.has(id)) resolve();
  };
  return {
    ready,
    take: (message) => {
      const { id, method } = JSON.parse(message) as { id: number; method: string };
      if (method === GO) goes.add(id);
      if (!isOpen || isolate.isDisposed) return;
      unanswered.add(id);
      nudging ??= setInterval(nudge, NUDGE_AFTER_MS);
      session.dispatchProtocolMessage(message);
    },
    close: async (isIdle) => {
      if (!isOpen) return;
      isOpen = false;
      stopNudging();
      if (isIdle && !isolate.isDisposed) await closeSession(isolate, session);
      else keepSession(session);
    },
  };
}
