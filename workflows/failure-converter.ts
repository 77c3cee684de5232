import { DefaultFailureConverter, type FailureConverter, type ProtoFailure } from '@temporalio/common';

/**
 * How failures of workflows are written into histories: as the SDK does, without the stacks. Those name files of the
 * machine that ran the workflow, and of an author's failure they say nothing. Bundled by `worker/bundle.ts`, by path.
 */
export const failureConverter: FailureConverter = withoutStacks(new DefaultFailureConverter());

function withoutStacks(converter: FailureConverter): FailureConverter {
  return {
    errorToFailure: (...args) => blank(converter.errorToFailure(...args)),
    failureToError: (...args) => converter.failureToError(...args),
  };
}

function blank(failure: ProtoFailure): ProtoFailure {
  return { ...failure, stackTrace: '', ...(failure.cause && { cause: blank(failure.cause) }) };
}
