export { identificationString } from "@nacre/negotiation";
export type { TransportEvent } from "./events.ts";
export { TRANSPORT_LIMITS, type TransportLimits } from "./limits.ts";
export {
  type NegotiatedAlgorithms,
  type NegotiatedDirection,
  type PacketTrace,
  type ServerProof,
  TRANSPORT_SETTINGS,
  type TransportAlgorithms,
  type TransportOptions,
  type TransportSettings,
  type TransportTrace,
  transportSettings,
} from "./options.ts";
export { Transport } from "./transport.ts";
export { Turn } from "./turn.ts";
