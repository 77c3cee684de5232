import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from '@jest/globals';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { type Activities, failureInterceptor } from '../../activities/index.ts';
import { installSdk } from '../../worker/sdk.ts';
import { bundleWorkflows } from '../../worker/bundle.ts';
import { startTimeSkipping } from './time-skipping-server.ts';

export type TimeSkipping = {
  readonly env: TestWorkflowEnvironment;
  /** Runs `work` beside a worker with our workflows and these activities; its task queue is the worker's alone. */
  readonly withWorker: <T>(
    activities: Partial<Activities> | ((taskQueue: string) => Partial<Activities>),
    work: (taskQueue: string) => Promise<T>,
  ) => Promise<T>;
};

/** A server of the test file's own whose clock jumps over sleeps. Its time is global: tests of a file run one by one. */
export function useTimeSkipping(): TimeSkipping {
  let env: TestWorkflowEnvironment | undefined;
  let workflowBundle: WorkflowBundleWithSourceMap | undefined;
  const there = (): TestWorkflowEnvironment => {
    if (env === undefined) throw new Error('The server is there from beforeAll on');
    return env;
  };
  beforeAll(async () => {
    installSdk(() => undefined);
    // One after the other: the SDK gives the server five seconds to answer, which a bundler beside it uses up.
    env = await startTimeSkipping();
    workflowBundle = await bundleWorkflows();
  }, 200_000);
  afterAll(() => env?.teardown());
  return {
    get env() {
      return there();
    },
    withWorker: async (activities, work) => {
      if (workflowBundle === undefined) throw new Error('The workflows are bundled in beforeAll');
      const taskQueue = randomUUID();
      const worker = await Worker.create({
        connection: there().nativeConnection,
        taskQueue,
        workflowBundle,
        activities: typeof activities === 'function' ? activities(taskQueue) : activities,
        interceptors: { activity: [() => ({ inbound: failureInterceptor() })] },
        workflowThreadPoolSize: 1,
        reuseV8Context: true,
      });
      return worker.runUntil(work(taskQueue));
    },
  };
}
