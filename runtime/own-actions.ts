import type { ActionLeft } from '../contract/engine.ts';

/** The actions of this process, for callers in it: they hear of an end as soon as its row is written. */
export type OwnActions = {
  /** The run is no longer at work in this process. */
  readonly left: (runId: string, how: ActionLeft) => void;
  /** Begin before the run's workflow is started, so that nothing is missed in between. */
  readonly watch: (runId: string) => { readonly left: Promise<ActionLeft>; readonly close: () => void };
};

export function createOwnActions(): OwnActions {
  const watchers = new Map<string, Set<(how: ActionLeft) => void>>();
  return {
    left: (runId, how) => {
      for (const tell of watchers.get(runId) ?? []) tell(how);
    },
    watch: (runId) => {
      const { promise, resolve } = Promise.withResolvers<ActionLeft>();
      const own = watchers.get(runId) ?? new Set();
      watchers.set(runId, own.add(resolve));
      const close = (): void => {
        own.delete(resolve);
        if (own.size === 0 && watchers.get(runId) === own) watchers.delete(runId);
      };
      return { left: promise, close };
    },
  };
}
