import { defaultPayloadConverter } from '@temporalio/common';
import type { ActivityInterceptorsFactory, InjectedSinks } from '@temporalio/worker';
import { TRACE_HEADER } from '../contract/tracing.ts';
import type { Traces } from '../runtime/tracing.ts';

type TraceSinks = {
  readonly traces: { readonly workflowEnded: (workflow: Parameters<Traces['workflowEnded']>[0]) => void };
};

/** Each activity is a span of the workflow that asks for it. */
export function traceActivities({ span }: Traces): ActivityInterceptorsFactory {
  return ({ info }) => ({
    inbound: {
      execute: (input, next) => {
        const header = input.headers[TRACE_HEADER];
        const parent = header === undefined ? undefined : defaultPayloadConverter.fromPayload<string>(header);
        const attributes = { 'temporal.activity.type': info.activityType, 'temporal.activity.attempt': info.attempt };
        return span(`activity ${info.activityType}`, { parent, attributes }, () => next(input));
      },
    },
  });
}

/** Where workflows say that they have ended, the first time they do. */
export function traceSinks({ workflowEnded }: Traces): InjectedSinks<TraceSinks> {
  return {
    traces: {
      workflowEnded: {
        fn: ({ workflowType: type, workflowId, startTime: startedAt }, ended) =>
          workflowEnded({ ...ended, type, workflowId, startedAt }),
        callDuringReplay: false,
      },
    },
  };
}
