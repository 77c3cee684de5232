import type { ActionGave } from '../contract/engine.ts';

/** The run has ended, with what it gave where its row need not be asked, or others go on with it. */
export type Left = ActionGave | 'ended' | 'goes on';

/** The actions of this process, for callers in it: they hear of an end as soon as its row is written. */
export type OwnActions = {
  /** The run is no longer at work in this process. */
  readonly left: (runId: string, how: Left) => void;
  /** Begin before the run's workflow is started, so that nothing is missed in between. */
  readonly watch: (runId: string) => { readonly left: Promise<Left>; readonly close: () => void };
};

export function createOwnActions(): OwnActions {
  const watchers = new Map<string, Set<(how: Left) => void>>();
  return {
    left: (runId, how) => {
      for (const tell of watchers.get(runId) ?? []) tell(how);
    },
    watch: (runId) => {
      const { promise, resolve } = Promise.withResolvers<Left>();
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
