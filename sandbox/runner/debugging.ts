/** Lets a debugger into one isolate. Messages are those of the Chrome DevTools protocol, as JSON text. */
import type ivm from 'isolated-vm';
import { keepSession } from './heap-watch.ts';

export type Debugging = {
  /** Resolves when the debugger says that the script may begin. */
  readonly ready: Promise<void>;
  readonly take: (message: string) => void;
  /** Must come before the end of the isolate. One that is idle must live on for `CLOSING_MS`; a busy one may go at once. */
  readonly close: (isIdle: boolean) => void;
};

const GO = 'Runtime.runIfWaitingForDebugger';

/** @param send takes what the isolate answers and tells. */
export function openDebugging(isolate: ivm.Isolate, send: (message: string) => void): Debugging {
  const session = isolate.createInspectorSession();
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  const goes = new Set<number>();
  let isOpen = true;
  session.onNotification = send;
  session.onResponse = (id, message) => {
    send(message);
    // Its answer, not itself: what was asked before it has been done by now.
    if (goes.has(id)) resolve();
  };
  return {
    ready,
    take: (message) => {
      const { id, method } = JSON.parse(message) as { id: number; method: string };
      if (method === GO) goes.add(id);
      if (isOpen && !isolate.isDisposed) session.dispatchProtocolMessage(message);
    },
    close: (isIdle) => {
      if (!isOpen) return;
      isOpen = false;
      if (isIdle && !isolate.isDisposed) session.dispose();
      else keepSession(session);
    },
  };
}
