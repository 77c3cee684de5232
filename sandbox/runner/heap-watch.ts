/**
 * Asks a running isolate for the size of its heap. isolated-vm's own limit is a guideline: a script that allocates in a
 * loop was seen 40 times over it. Nothing of Node can look into a busy isolate, but its inspector answers in between.
 */
import type ivm from 'isolated-vm';

export type HeapWatch = {
  /** Asks again unless a question is open. */
  readonly ask: () => void;
  /** How long the open question has been waiting, 0 if there is none. */
  readonly silentMs: () => number;
  /** Ends the watch. An idle isolate must live on until this resolves; one that is busy may go at once. */
  readonly close: (isIdle: boolean) => Promise<void>;
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

/**
 * Closes the session of an idle isolate, which may go once this resolves. What the isolate was asked stands in its queue
 * until a thread is free, also the closing itself: an answer that finds no session took the process with it, and so did
 * an isolate that was disposed of before it had let go. What is asked later is answered after all of that.
 */
export async function closeSession(isolate: ivm.Isolate, session: ivm.InspectorSession): Promise<void> {
  await isolate.getHeapStatistics().catch(() => undefined);
  if (isolate.isDisposed) return keepSession(session);
  session.dispose();
  await isolate.getHeapStatistics().catch(() => undefined);
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
    close: async (isIdle) => {
      if (!isOpen) return;
      isOpen = false;
      if (isIdle && !isolate.isDisposed) await closeSession(isolate, session);
      else keepSession(session);
    },
  };
}
