export { SshError } from "@nacre/wire";
export type { GatewayEvent, RefusalReason } from "./events.ts";
export { formatEvent } from "./format-event.ts";
export { createGateway } from "./gateway.ts";
export { type GatewayLimits, gatewayLimits } from "./limits.ts";
export type { Lookup } from "./lookups.ts";
export type {
  Authorize,
  Decision,
  Gateway,
  GatewayOptions,
  Ticket,
  TicketGrant,
  TicketRequest,
} from "./options.ts";
export { memoryTicketStore, type TicketStore } from "./ticket-store.ts";
