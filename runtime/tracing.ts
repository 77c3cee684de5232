import { AsyncLocalStorage } from 'node:async_hooks';
import { type Context, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  AlwaysOnSampler,
  RandomIdGenerator,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { type EndedWorkflow, type OpenSpan, type SpanOptions, type Tracing, UNTRACED } from '../contract/tracing.ts';

export type Traces = Tracing & {
  /** A workflow names its span itself (`traceparentOf`); here it is written down once it has ended. */
  readonly workflowEnded: (
    workflow: EndedWorkflow & { readonly type: string; readonly workflowId: string; readonly startedAt: Date },
  ) => void;
  /** Sends what is left. */
  readonly close: () => Promise<void>;
};

/** Spans wait for one another for this long, so that a request to the collector carries many. */
const SENT_AFTER_MS = 1_000;

/**
 * Sends spans to a collector by OTLP over HTTP, as JSON, to `<endpoint>/v1/traces`; without an endpoint nothing is made.
 * All are sent, but for callers whose own `traceparent` says that theirs are not: choosing is for the collector. One that
 * cannot be reached costs spans, nothing else.
 */
export function openTraces(options: {
  readonly endpoint: string | undefined;
  /** `name=value,name=value`, percent-encoded. */
  readonly headers: string;
  readonly service: string;
  readonly version: string;
}): Traces {
  if (options.endpoint === undefined)
    return { ...UNTRACED, workflowEnded: () => undefined, close: async () => undefined };
  const exporter = new OTLPTraceExporter({ url: `${options.endpoint}/v1/traces`, headers: headersOf(options.headers) });
  const ids = namedIds();
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': options.service, 'service.version': options.version }),
    sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    idGenerator: ids.generator,
    spanProcessors: [new BatchSpanProcessor({ exporter, scheduledDelayMillis: SENT_AFTER_MS })],
  });
  const tracer = provider.getTracer('nango-temporal', options.version);
  const around = new AsyncLocalStorage<Context>();
  const contextOf = (parent: string | undefined): Context =>
    parent === undefined ? (around.getStore() ?? ROOT_CONTEXT) : contextFrom(parent);
  return {
    isOn: true,
    current: () => {
      const span = trace.getSpan(around.getStore() ?? ROOT_CONTEXT);
      return span === undefined ? undefined : traceparentFrom(span);
    },
    span: (name, spanOptions, work) => {
      const parent = contextOf(spanOptions.parent);
      const span = tracer.startSpan(name, startOptions(spanOptions), parent);
      return around.run(trace.setSpan(parent, span), () => inside(span, spanOptions.until, work));
    },
    workflowEnded: ({ traceparent, parent, failed, type, workflowId, startedAt }) => {
      const attributes = { 'temporal.workflow.type': type, 'temporal.workflow.id': workflowId };
      const context = parent === null ? ROOT_CONTEXT : contextFrom(parent);
      const span = ids.as(traceparent, () =>
        tracer.startSpan(`workflow ${type}`, { attributes, startTime: startedAt }, context),
      );
      if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
    close: () => provider.shutdown().catch(() => undefined),
  };
}

function headersOf(text: string): Record<string, string> {
  const pairs = text.split(',').flatMap((pair) => {
    const [name = '', ...value] = pair.split('=');
    return name.trim() === '' ? [] : [[name.trim(), decodeURIComponent(value.join('=').trim())]];
  });
  return Object.fromEntries(pairs);
}

async function inside<T>(span: Span, until: AbortSignal | undefined, work: (span: OpenSpan) => Promise<T>): Promise<T> {
  const end = (): void => span.end();
  until?.addEventListener('abort', end, { once: true });
  try {
    return await work({
      set: (attributes) => void span.setAttributes({ ...attributes }),
      rename: (name) => void span.updateName(name),
      traceparent: traceparentFrom(span),
    });
  } catch (error) {
    // Of the error its name alone: messages may quote what people sent.
    const name = error instanceof Error && 'code' in error ? String(error.code) : 'error';
    span.setStatus({ code: SpanStatusCode.ERROR, message: name });
    throw error;
  } finally {
    until?.removeEventListener('abort', end);
    if (until?.aborted !== true) span.end();
  }
}

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const;

function startOptions({ kind = 'internal', attributes }: SpanOptions) {
  return { kind: KINDS[kind], ...(attributes && { attributes: { ...attributes } }) };
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** What is no `traceparent` begins a new trace. */
function contextFrom(traceparent: string): Context {
  const [, traceId = '', spanId = '', flags = '00'] = TRACEPARENT.exec(traceparent) ?? [];
  if (traceId === '') return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
  });
}

function traceparentFrom(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** Random ids, but those of spans that were named elsewhere. */
function namedIds() {
  const random = new RandomIdGenerator();
  let named: { readonly traceId: string; readonly spanId: string } | undefined;
  return {
    generator: {
      generateTraceId: () => named?.traceId ?? random.generateTraceId(),
      generateSpanId: () => named?.spanId ?? random.generateSpanId(),
    },
    as: <T>(traceparent: string, start: () => T): T => {
      const [, traceId = '', spanId = ''] = traceparent.split('-');
      named = { traceId, spanId };
      try {
        return start();
      } finally {
        named = undefined;
      }
    },
  };
}
