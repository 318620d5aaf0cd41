import { type DescribeCertificate, describedTrace, type ProtocolTrace, type TracePort } from "@nacre/protocol";
import { usage } from "./check.ts";

/**
 * Returns the option `trace` as a trace. For entry points that carry the descriptions of packets. Pass `describeCertificate` as
 * `describeKey` to show the fields of certificates. Throws `usage` for another object.
 */
export function withDescriptions(
  trace: TracePort | ProtocolTrace | undefined,
  describeKey?: DescribeCertificate,
): ProtocolTrace | undefined {
  return madeTrace(typeof trace === "function" ? describedTrace(trace, describeKey) : trace);
}

/** Returns the option `trace`. Throws `usage` for a function: only a trace made by `describedTrace` brings the descriptions of packets. */
export function madeTrace(trace: TracePort | ProtocolTrace | undefined): ProtocolTrace | undefined {
  if (trace !== undefined && (typeof trace === "function" || typeof trace?.packet !== "function"))
    throw usage("`trace` must be a trace; pass `describedTrace(function)` of `@nacre/protocol`");
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
