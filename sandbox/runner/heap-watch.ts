/**
 * Asks a running isolate for the size of its heap. isolated-vm's own limit is a guideline: a script that allocates in a
 * loop was seen 40 times over it. Nothing of Node can look into a busy isolate, but its inspector answers in between.
 */
import type ivm from 'isolated-vm';

/** How long an idle isolate takes to let go of its session, with room to spare. */
export const CLOSING_MS = 50;

export type HeapWatch = {
  /** Asks again unless a question is open. */
  readonly ask: () => void;
  /** How long the open question has been waiting, 0 if there is none. */
  readonly silentMs: () => number;
  /** Ends the watch. An idle isolate must live on for `CLOSING_MS`; one that is busy may go at once. */
  readonly close: (isIdle: boolean) => void;
};

/**
 * Sessions that may not be closed. Closing one whose isolate is gone aborts the process, also when the garbage collector
 * does it, and closing one right before its busy isolate is disposed of crashed it in one of four tries; left alone they
 * do no harm until the process exits, which then hangs (so the runner kills itself instead).
 */
const kept = new Set<unknown>();

/** Keeps a session from ever being closed. */
export function keepSession(session: unknown): void {
  kept.add(session);
}

/** Opens the watch; `onUsed` gets the bytes in use, buffers included. */
export function openHeapWatch(isolate: ivm.Isolate, onUsed: (bytes: number) => void): HeapWatch {
  const session = isolate.createInspectorSession();
  let askedAt: number | undefined;
  let isOpen = true;
  session.onNotification = () => undefined;
  session.onResponse = (_id, text) => {
    askedAt = undefined;
    const { result } = JSON.parse(text) as { result?: { usedSize: number; backingStorageSize?: number } };
    // Not from inside the answer: what follows may close this very session.
    if (result !== undefined) setImmediate(() => isOpen && onUsed(result.usedSize + (result.backingStorageSize ?? 0)));
  };
  return {
    ask: () => {
      if (askedAt !== undefined || !isOpen) return;
      askedAt = performance.now();
      session.dispatchProtocolMessage('{"id":1,"method":"Runtime.getHeapUsage"}');
    },
    silentMs: () => (askedAt === undefined ? 0 : performance.now() - askedAt),
    close: (isIdle) => {
      if (!isOpen) return;
      isOpen = false;
      if (isIdle && !isolate.isDisposed) session.dispose();
      else keepSession(session);
    },
  };
}
