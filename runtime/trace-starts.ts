import type { WorkflowClientInterceptor } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { TRACE_HEADER, type Tracing } from '../contract/tracing.ts';

/** Tells each workflow which span started it. */
export function traceStarts({ current }: Tracing): WorkflowClientInterceptor {
  const carried = <Input extends { readonly headers: object }>(input: Input): Input => {
    const traceparent = current();
    if (traceparent === undefined) return input;
    return { ...input, headers: { ...input.headers, [TRACE_HEADER]: defaultPayloadConverter.toPayload(traceparent) } };
  };
  return {
    start: (input, next) => next(carried(input)),
    startWithDetails: (input, next) => next(carried(input)),
  };
}
