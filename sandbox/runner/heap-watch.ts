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
  readonly close: () => void;
};

/** Kept on purpose: see `close`. One per script that ran out of memory, in a child that is about to go. */
const orphans = new Set<unknown>();

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
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      // A session of an isolate that is gone aborts the process when it is closed, also by the garbage collector.
      if (isolate.isDisposed) orphans.add(session);
      else session.dispose();
    },
  };
}
