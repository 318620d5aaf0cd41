import { type Bytes, type Message, message, Reader, SshError } from "@nacre/wire";
import { type Field, rest, string, uint32, utf8 } from "@nacre/wire/fields";
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
  const bytes = (CODECS[message.type] as Message<TunnelMessage>).encode(message);
  if (bytes.length > MAX_MESSAGE_LENGTH)
    throw new SshError("usage", `a tunnel message of ${bytes.length} bytes; the limit is ${MAX_MESSAGE_LENGTH}`);
  return bytes;
}

/** Decodes a message. Byte strings in the result are views of `bytes`. Throws `malformed-message` if the message is invalid. */
export function decodeTunnelMessage(bytes: Uint8Array): TunnelMessage {
  const reader = new Reader(bytes, NAME);
  // rule: tunnel-message-length
  if (bytes.length > MAX_MESSAGE_LENGTH)
    reader.fail("length", `is ${bytes.length}; the limit is ${MAX_MESSAGE_LENGTH}`);
  const number = reader.byte("number");
  for (const [type, codec] of TYPES)
    if (codec.number === number) return { type, ...codec.decode(bytes) } as TunnelMessage;
  return reader.fail("number", `is ${number}, which names no message`);
}

/** Name of the messages in errors. */
const NAME = "tunnel message";

/** A field whose value is refused if `problem` returns what is wrong with it. */
function checked<T>(field: Field<T>, problem: (value: T) => string | undefined): Field<T> {
  return {
    read(reader, name) {
      const value = field.read(reader, name);
      const found = problem(value);
      return found === undefined ? value : reader.fail(name, found);
    },
    write: (writer, value) => field.write(writer, value),
  };
}

const port = checked(uint32, (value) => (value < 1 || value > 65535 ? `is ${value}; expected 1 to 65535` : undefined));

/** The bytes of a DATA message: at least one. */
const data = checked(rest, ({ length }) => (length === 0 ? "is empty" : undefined));

/** A string of exactly `expected` bytes. */
function fixedString(expected: number): Field<Uint8Array> {
  return checked(string, ({ length }) =>
    length === expected ? undefined : `has ${length} bytes; expected ${expected}`,
  );
}

/** A stream position: a uint64 below 2^53, so that a number represents it exactly. */
const position: Field<number> = {
  read(reader, name) {
    const value = reader.uint64(name);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) reader.fail(name, "is 2^53 or more");
    return Number(value);
  },
  write: (writer, value) => writer.uint64(BigInt(value)),
};

/** The fields of each message, in their order. */
const CODECS: {
  readonly [Type in TunnelMessage["type"]]: Message<Omit<Extract<TunnelMessage, { readonly type: Type }>, "type">>;
} = {
  open: message(TUNNEL_MESSAGE.OPEN, NAME, { ticket: utf8, host: utf8, port }),
  opened: message(TUNNEL_MESSAGE.OPENED, NAME, {
    id: fixedString(TUNNEL_ID_LENGTH),
    secret: fixedString(TUNNEL_SECRET_LENGTH),
    address: utf8,
    resumeTime: uint32,
  }),
  attach: message(TUNNEL_MESSAGE.ATTACH, NAME, { id: fixedString(TUNNEL_ID_LENGTH) }),
  challenge: message(TUNNEL_MESSAGE.CHALLENGE, NAME, { nonce: fixedString(NONCE_LENGTH), received: position }),
  prove: message(TUNNEL_MESSAGE.PROVE, NAME, { received: position, proof: fixedString(PROOF_LENGTH) }),
  attached: message(TUNNEL_MESSAGE.ATTACHED, NAME, { received: position }),
  data: message(TUNNEL_MESSAGE.DATA, NAME, { data }),
  acknowledge: message(TUNNEL_MESSAGE.ACKNOWLEDGE, NAME, { consumed: position }),
  end: message(TUNNEL_MESSAGE.END, NAME, {}),
};

const TYPES = /* @__PURE__ */ Object.entries(CODECS);
