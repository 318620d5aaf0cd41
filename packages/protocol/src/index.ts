export { clientMethods, serverMethods } from "@nacre/auth";
export { ClientProtocol, type ClientProtocolEvent, type ClientProtocolOptions } from "./client-protocol.ts";
export { type DescribeCertificate, describedTrace } from "./describe.ts";
export { describeCertificate } from "./describe-certificate.ts";
export { bearsEarlyMessages } from "./early-messages.ts";
export type { ServerHostKey } from "./host-key-rotation.ts";
export { type Limits, PROTOCOL_LIMITS } from "./limits.ts";
export { ServerProtocol, type ServerProtocolEvent, type ServerProtocolOptions } from "./server-protocol.ts";
export type { KeyLogPort, ProtocolTrace, TracePort, TraceRecord } from "./trace.ts";
