/** Finds the line at which a running isolate is, so that an endless loop can be named. */
import type ivm from 'isolated-vm';
import { keepSession } from './heap-watch.ts';

export type Frame = { readonly line: number; readonly column: number };

// Long enough for a machine on which many isolates spin at once.
const PATIENCE_MS = 1500;

/**
 * Stops the isolate where it is and returns the innermost position in the script called `file` (counted from 1), or
 * undefined if it does not stop in time. The isolate must be disposed of afterwards: it never goes on, and the process should not live long.
 */
export function pauseAndLocate(isolate: ivm.Isolate, file: string): Promise<Frame | undefined> {
  const session = isolate.createInspectorSession();
  const scripts = new Set<string>();
  return new Promise((resolve) => {
    const finish = (frame: Frame | undefined): void => {
      clearTimeout(timer);
      keepSession(session);
      // Not from inside the notification: the inspector holds a lock there.
      setImmediate(() => resolve(frame));
    };
    const timer = setTimeout(() => finish(undefined), PATIENCE_MS);
    session.onResponse = () => undefined;
    session.onNotification = (text) => {
      const { method, params } = JSON.parse(text) as { method: string; params: Paused & Parsed };
      if (method === 'Debugger.scriptParsed' && params.url === file) scripts.add(params.scriptId);
      if (method !== 'Debugger.paused') return;
      const found = params.callFrames.find(({ location }) => scripts.has(location.scriptId))?.location;
      finish(found && { line: found.lineNumber + 1, column: (found.columnNumber ?? 0) + 1 });
    };
    session.dispatchProtocolMessage('{"id":1,"method":"Debugger.enable"}');
    session.dispatchProtocolMessage('{"id":2,"method":"Debugger.pause"}');
  });
}

type Parsed = { readonly scriptId: string; readonly url: string };
type Paused = {
  readonly callFrames: readonly {
    readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber?: number };
  }[];
};
