import { type Bytes, Reader, SshError, Writer } from "@nacre/wire";
import { MAX_MESSAGE_LENGTH, NONCE_LENGTH, PROOF_LENGTH, TUNNEL_ID_LENGTH, TUNNEL_SECRET_LENGTH } from "./limits.ts";

/** WebSocket subprotocol for tunnel messages (RFC 6455 §1.9). */
export const TUNNEL_SUBPROTOCOL = "nacre.v1";

/** Message numbers: the first byte of each tunnel message. One WebSocket message carries one tunnel message. */
export const TUNNEL_MESSAGE = {
  OPEN: 1,
  OPENED: 2,
  ATTACH: 3,
  CHALLENGE: 4,
  PROVE: 5,
  ATTACHED: 6,
  DATA: 7,
  ACKNOWLEDGE: 8,
  END: 9,
} as const;

/** Client request for a new tunnel. First message of a WebSocket. */
export interface OpenMessage {
  readonly type: "open";
  /** One-time ticket, a secret; empty if the gateway requires no ticket. */
  readonly ticket: string;
  /** Name or address of the SSH server. */
  readonly host: string;
  /** Port of the SSH server, 1 to 65535. */
  readonly port: number;
}

/** Gateway reply after opening the tunnel. */
export interface OpenedMessage {
  readonly type: "opened";
  /** Tunnel id: 16 bytes. */
  readonly id: Uint8Array;
  /** Tunnel secret: 32 bytes. */
  readonly secret: Uint8Array;
  /** URL for attaching again; empty for the URL of this WebSocket. */
  readonly address: string;
  /** Time in milliseconds that the gateway keeps a tunnel without a WebSocket; 0 disables attaching again. */
  readonly resumeTime: number;
}

/** Client request to attach an open tunnel to this WebSocket. First message of a WebSocket. */
export interface AttachMessage {
  readonly type: "attach";
  readonly id: Uint8Array;
}

/** Gateway request for a proof of the tunnel secret. */
export interface ChallengeMessage {
  readonly type: "challenge";
  /** Nonce: 32 random bytes. */
  readonly nonce: Uint8Array;
  /** Position up to which the gateway received all bytes. */
  readonly received: number;
}

/** Client proof of the tunnel secret. */
export interface ProveMessage {
  readonly type: "prove";
  /** Position up to which the client received all bytes. The gateway resumes sending from here. */
  readonly received: number;
  /** Result of `resumeProof`. */
  readonly proof: Uint8Array;
}

/** Gateway reply after attaching the tunnel. Only this WebSocket carries the tunnel now. */
export interface AttachedMessage {
  readonly type: "attached";
  /** Position up to which the gateway received all bytes. The client resumes sending from here. */
  readonly received: number;
}

/** Next bytes of this direction, at least one. Sent by both sides. */
export interface DataMessage {
  readonly type: "data";
  readonly data: Uint8Array;
}

/** Acknowledgement: the sender can free all bytes before this position. Sent by both sides. */
export interface AcknowledgeMessage {
  readonly type: "acknowledge";
  readonly consumed: number;
}

/** End of this direction. Sent by both sides. END occupies one position, so that a lost END is sent again. */
export interface EndMessage {
  readonly type: "end";
}

/** Any tunnel message. */
export type TunnelMessage =
  | OpenMessage
  | OpenedMessage
  | AttachMessage
  | ChallengeMessage
  | ProveMessage
  | AttachedMessage
  | DataMessage
  | AcknowledgeMessage
  | EndMessage;

/** Encodes a message. Throws `usage` if it is longer than 64 KiB. */
export function encodeTunnelMessage(message: TunnelMessage): Bytes {
  const bytes = encode(message);
  if (bytes.length > MAX_MESSAGE_LENGTH)
    throw new SshError("usage", `a tunnel message of ${bytes.length} bytes; the limit is ${MAX_MESSAGE_LENGTH}`);
  return bytes;
}

/** Decodes a message. Byte strings in the result are views of `bytes`. Throws `malformed-message` if the message is invalid. */
export function decodeTunnelMessage(bytes: Uint8Array): TunnelMessage {
  const reader = new Reader(bytes, "tunnel message");
  // rule: tunnel-message-length
  if (bytes.length > MAX_MESSAGE_LENGTH)
    reader.fail("length", `is ${bytes.length}; the limit is ${MAX_MESSAGE_LENGTH}`);
  const message = decode(reader);
  reader.end();
  return message;
}

function encode(message: TunnelMessage): Bytes {
  const writer = new Writer();
  switch (message.type) {
    case "open":
      return writer.byte(TUNNEL_MESSAGE.OPEN).string(message.ticket).string(message.host).uint32(message.port).finish();
    case "opened":
      writer.byte(TUNNEL_MESSAGE.OPENED).string(message.id).string(message.secret);
      return writer.string(message.address).uint32(message.resumeTime).finish();
    case "attach":
      return writer.byte(TUNNEL_MESSAGE.ATTACH).string(message.id).finish();
    case "challenge":
      return writer.byte(TUNNEL_MESSAGE.CHALLENGE).string(message.nonce).uint64(BigInt(message.received)).finish();
    case "prove":
      return writer.byte(TUNNEL_MESSAGE.PROVE).uint64(BigInt(message.received)).string(message.proof).finish();
    case "attached":
      return writer.byte(TUNNEL_MESSAGE.ATTACHED).uint64(BigInt(message.received)).finish();
    case "data":
      return writer.byte(TUNNEL_MESSAGE.DATA).raw(message.data).finish();
    case "acknowledge":
      return writer.byte(TUNNEL_MESSAGE.ACKNOWLEDGE).uint64(BigInt(message.consumed)).finish();
    case "end":
      return writer.byte(TUNNEL_MESSAGE.END).finish();
  }
}

function decode(reader: Reader): TunnelMessage {
  const number = reader.byte("number");
  switch (number) {
    case TUNNEL_MESSAGE.OPEN: {
      const ticket = reader.utf8("ticket");
      const host = reader.utf8("host");
      const port = reader.uint32("port");
      if (port < 1 || port > 65535) reader.fail("port", `is ${port}; expected 1 to 65535`);
      return { type: "open", ticket, host, port };
    }
    case TUNNEL_MESSAGE.OPENED: {
      const id = fixedString(reader, "id", TUNNEL_ID_LENGTH);
      const secret = fixedString(reader, "secret", TUNNEL_SECRET_LENGTH);
      return { type: "opened", id, secret, address: reader.utf8("address"), resumeTime: reader.uint32("resume time") };
    }
    case TUNNEL_MESSAGE.ATTACH:
      return { type: "attach", id: fixedString(reader, "id", TUNNEL_ID_LENGTH) };
    case TUNNEL_MESSAGE.CHALLENGE:
      return { type: "challenge", nonce: fixedString(reader, "nonce", NONCE_LENGTH), received: position(reader) };
    case TUNNEL_MESSAGE.PROVE:
      return { type: "prove", received: position(reader), proof: fixedString(reader, "proof", PROOF_LENGTH) };
    case TUNNEL_MESSAGE.ATTACHED:
      return { type: "attached", received: position(reader) };
    case TUNNEL_MESSAGE.DATA:
      if (reader.remaining === 0) reader.fail("data", "is empty");
      return { type: "data", data: reader.rest() };
    case TUNNEL_MESSAGE.ACKNOWLEDGE:
      return { type: "acknowledge", consumed: position(reader) };
    case TUNNEL_MESSAGE.END:
      return { type: "end" };
    default:
      return reader.fail("number", `is ${number}, which names no message`);
  }
}

function fixedString(reader: Reader, field: string, length: number): Uint8Array {
  const bytes = reader.string(field);
  if (bytes.length !== length) reader.fail(field, `has ${bytes.length} bytes; expected ${length}`);
  return bytes;
}

/** Reads a stream position: a uint64 below 2^53, so that a number represents it exactly. */
function position(reader: Reader): number {
  const value = reader.uint64("position");
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) reader.fail("position", "is 2^53 or more");
  return Number(value);
}
