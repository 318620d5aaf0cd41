export type { HostKeyToken, SignatureToken, TransportEvent } from "./events.ts";
export { TRANSPORT_LIMITS, type TransportLimits } from "./limits.ts";
export type {
  NegotiatedAlgorithms,
  NegotiatedDirection,
  PacketTrace,
  TransportAlgorithms,
  TransportOptions,
  TransportTrace,
} from "./options.ts";
export { Transport } from "./transport.ts";
