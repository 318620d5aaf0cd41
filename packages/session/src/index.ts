export { ClientSession, type ClientSessionEvent, type ClientSessionOptions } from "./client-session.ts";
export { defaultLimits, type Limits } from "./limits.ts";
export type { KeyLogPort, TracePort, TraceRecord } from "./trace.ts";
