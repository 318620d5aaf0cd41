import type { TransportTrace } from "@nacre/transport";
import { type DescribeContext, describeMessage } from "./describe.ts";
import type { TracePort } from "./trace.ts";

/** The transport's trace, which sees payloads, as the trace that a caller gets, which sees descriptions. */
export function describedTrace(trace: TracePort, context: () => DescribeContext): TransportTrace {
  return {
    identification: (direction, line) => trace({ type: "identification", direction, line }),
    packet: ({ payload, ...packet }) => trace({ type: "packet", ...packet, ...describeMessage(payload, context()) }),
  };
}
