export { clientMethods, serverMethods } from "@nacre/auth";
export { ClientSession, type ClientSessionEvent, type ClientSessionOptions } from "./client-session.ts";
export { describedTrace } from "./describe.ts";
export { bearsEarlyMessages } from "./early-messages.ts";
export type { ServerHostKey } from "./host-key-rotation.ts";
export { type Limits, SESSION_LIMITS } from "./limits.ts";
export { ServerSession, type ServerSessionEvent, type ServerSessionOptions } from "./server-session.ts";
export type { KeyLogPort, SessionTrace, TracePort, TraceRecord } from "./trace.ts";
