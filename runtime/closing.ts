/** Closers of everything opened so far, run once and in reverse, so that a failed start leaves nothing half-started. */
export type Closing = {
  readonly add: (name: string, close: () => unknown) => void;
  /** Runs every closer; the first failure is thrown after the last closer has run. */
  readonly run: () => Promise<void>;
};

export function createClosing(): Closing {
  const closers: { readonly name: string; readonly close: () => unknown }[] = [];
  return {
    add: (name, close) => closers.push({ name, close }),
    run: async () => {
      const failures: unknown[] = [];
      for (let next = closers.pop(); next; next = closers.pop()) {
        try {
          await next.close();
        } catch (cause) {
          failures.push(new Error(`Closing ${next.name} failed`, { cause }));
        }
      }
      if (failures.length > 0) throw failures[0];
    },
  };
}
