/** Interceptors that a bundle has only where traces are collected: they pass on what a workflow is part of. */
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { ContinueAsNew, proxySinks, type Sinks, type WorkflowInterceptors, workflowInfo } from '@temporalio/workflow';
import { type EndedWorkflow, TRACE_HEADER, traceparentOf } from '../contract/tracing.ts';

export type TraceSinks = Sinks & {
  readonly traces: { readonly workflowEnded: (workflow: EndedWorkflow) => void };
};

type Headers = Readonly<Record<string, Payload>>;

export function interceptors(): WorkflowInterceptors {
  const { traces } = proxySinks<TraceSinks>();
  let traceparent: string | undefined;
  const carried = <Input extends { readonly headers: Headers }>(input: Input): Input =>
    traceparent === undefined
      ? input
      : { ...input, headers: { ...input.headers, [TRACE_HEADER]: defaultPayloadConverter.toPayload(traceparent) } };
  return {
    inbound: [
      {
        execute: async (input, next) => {
          const header = input.headers[TRACE_HEADER];
          const parent = header === undefined ? undefined : defaultPayloadConverter.fromPayload<string>(header);
          const own = traceparentOf(workflowInfo().runId, parent);
          traceparent = own;
          const end = (failed: boolean) => traces.workflowEnded({ traceparent: own, parent: parent ?? null, failed });
          try {
            const result = await next(input);
            end(false);
            return result;
          } catch (error) {
            end(!(error instanceof ContinueAsNew));
            throw error;
          }
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next(carried(input)),
        scheduleLocalActivity: (input, next) => next(carried(input)),
        continueAsNew: (input, next) => next(carried(input)),
      },
    ],
  };
}
