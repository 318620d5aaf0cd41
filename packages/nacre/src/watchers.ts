import {
  type DescribeCertificate,
  describedTrace as describedTraceOf,
  type ProtocolTrace,
  type TracePort,
} from "@nacre/protocol";
import { usage } from "./check.ts";

/**
 * Makes a trace that calls `port` with a description of each packet, without secrets. Exceptions of `port` are ignored. Connections may
 * share the trace.
 */
export function describedTrace(port: TracePort): ProtocolTrace {
  return describedTraceOf(quietly(port));
}

/**
 * Returns the option `trace` as a trace. For entry points that carry the descriptions of packets. Pass `describeCertificate` as
 * `describeKey` to show the fields of certificates. Throws `usage` for another object.
 */
export function withDescriptions(
  trace: TracePort | ProtocolTrace | undefined,
  describeKey?: DescribeCertificate,
): ProtocolTrace | undefined {
  return madeTrace(typeof trace === "function" ? describedTraceOf(quietly(trace), describeKey) : trace);
}

/** Returns the option `trace`. Throws `usage` for a function: only a trace made by `describedTrace` brings the descriptions of packets. */
export function madeTrace(trace: TracePort | ProtocolTrace | undefined): ProtocolTrace | undefined {
  if (trace !== undefined && (typeof trace === "function" || typeof trace?.packet !== "function"))
    throw usage("`trace` must be a trace; pass `describedTrace(function)`, an export of `nacre/core`");
  return trace;
}

/** Wraps the callback of an observer so that its exceptions are dropped: an observer must not end the connection. */
export function quietly<A extends readonly unknown[]>(watch: (...args: A) => void): (...args: A) => void {
  return (...args) => {
    try {
      watch(...args);
    } catch {}
  };
}
