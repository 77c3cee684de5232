import { afterAll, beforeAll } from '@jest/globals';
import { type ExampleUpstream, startExampleUpstream } from '../../platform/example-upstream.ts';

/** The example API of the platform for one test file, on the clock given. */
export function useExampleUpstream(clock: () => Date): { readonly upstream: ExampleUpstream } {
  let upstream: ExampleUpstream | undefined;
  beforeAll(async () => {
    upstream = await startExampleUpstream({ clock });
  });
  afterAll(() => upstream?.close());
  return {
    get upstream() {
      if (upstream === undefined) throw new Error('The upstream is there from beforeAll on');
      return upstream;
    },
  };
}
