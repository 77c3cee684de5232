/** Traces: what led to what, across processes. The parts know this file; who collects the spans is runtime's business. */

export type Attributes = Readonly<Record<string, string | number | boolean>>;

export type OpenSpan = {
  readonly set: (attributes: Attributes) => void;
  readonly rename: (name: string) => void;
  /** Names the span for parts that work for it: W3C Trace Context, `00-<trace>-<span>-<flags>`. */
  readonly traceparent: string | undefined;
};

export type SpanOptions = {
  /** `server` takes a call from elsewhere, `client` makes one. @default internal */
  readonly kind?: 'server' | 'client' | 'internal';
  readonly attributes?: Attributes;
  /** A `traceparent`. @default the span around the caller; without one a new trace begins */
  readonly parent?: string | undefined;
  /** Ends the span of work that may never settle. */
  readonly until?: AbortSignal;
};

export type Tracing = {
  /** False: nobody collects, and nothing need be prepared for it. */
  readonly isOn: boolean;
  /** Does the work inside a span, which ends with it; what is thrown marks the span as failed. */
  readonly span: <T>(name: string, options: SpanOptions, work: (span: OpenSpan) => Promise<T>) => Promise<T>;
  /** The `traceparent` of the span around the caller, for work that loses its surroundings on the way. */
  readonly current: () => string | undefined;
};

const NO_SPAN: OpenSpan = { set: () => undefined, rename: () => undefined, traceparent: undefined };

/** Nobody collects: the work, and nothing else. */
export const UNTRACED: Tracing = {
  isOn: false,
  span: (_name, _options, work) => work(NO_SPAN),
  current: () => undefined,
};

/** The header of Temporal's workflows and activities that says what they are part of. */
export const TRACE_HEADER = 'traceparent';

/** A workflow that has ended, in its own words. */
export type EndedWorkflow = {
  readonly traceparent: string;
  readonly parent: string | null;
  readonly failed: boolean;
};

/**
 * The name of a workflow's span, the same each time it is asked for: workflows draw no random numbers. Its digits are
 * those of the workflow's run id, a UUID; without a parent they name a new trace as well.
 */
export function traceparentOf(workflowRunId: string, parent: string | undefined): string {
  const digits = workflowRunId.replaceAll('-', '').toLowerCase().padStart(32, '0');
  const [version = '00', trace = digits, , flags = '01'] = parent?.split('-') ?? [];
  return [version, trace, digits.slice(-16), flags].join('-');
}
