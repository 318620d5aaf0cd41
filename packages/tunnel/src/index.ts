export { ClientTunnel, type OpenRequest } from "./client-tunnel.ts";
export { type AfterClose, CLOSE_KINDS, type CloseKind, type CloseReason, closeReason } from "./close-codes.ts";
export type { TunnelEvent } from "./events.ts";
export { type AttachAttempt, GatewayTunnel, type GatewayTunnelOptions } from "./gateway-tunnel.ts";
export {
  MAX_DATA_LENGTH,
  MAX_FIRST_MESSAGE_LENGTH,
  MAX_MESSAGE_LENGTH,
  MAX_SEND_BUFFER,
  NONCE_LENGTH,
  TUNNEL_ID_LENGTH,
  TUNNEL_SECRET_LENGTH,
} from "./limits.ts";
export {
  type AttachMessage,
  decodeTunnelMessage,
  encodeTunnelMessage,
  type OpenMessage,
  TUNNEL_MESSAGE,
  TUNNEL_SUBPROTOCOL,
  type TunnelMessage,
} from "./messages.ts";
export { type Hmac, type ResumeClaim, resumeProof } from "./proof.ts";
export type { BufferGrowth } from "./send-buffer.ts";
export { Tunnel } from "./tunnel.ts";
