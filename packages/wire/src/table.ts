import {
  SSH_MSG_USERAUTH_BANNER,
  SSH_MSG_USERAUTH_FAILURE,
  SSH_MSG_USERAUTH_INFO_REQUEST,
  SSH_MSG_USERAUTH_INFO_RESPONSE,
  SSH_MSG_USERAUTH_PASSWD_CHANGEREQ,
  SSH_MSG_USERAUTH_PK_OK,
  SSH_MSG_USERAUTH_REQUEST,
  SSH_MSG_USERAUTH_SUCCESS,
} from "./messages/auth.ts";
import * as connection from "./messages/connection.ts";
import * as transport from "./messages/transport.ts";
import type { Message } from "./structure.ts";

/** Which side sends a message. */
export type Sender = "client" | "server" | "both";

/**
 * How far a connection has come, which decides what may arrive:
 * - `kex`: the first key exchange, until the peer's NEWKEYS;
 * - `auth`: from there until authentication has succeeded;
 * - `connection`: after it.
 *
 * A later key exchange does not change the phase: it narrows it (RFC 4253 §7.1), see `duringRekey`.
 */
export type Phase = "kex" | "auth" | "connection";

/** What a number in a method-specific range means under a method: 30–49 for key exchange, 60–79 for authentication. */
export type MethodContext = "ecdh" | "dh" | "dh-gex" | "publickey" | "password" | "keyboard-interactive";

/**
 * The key exchange messages that may come next: a KEXINIT while no exchange of the peer's is under way, then the method's own
 * messages, then NEWKEYS (RFC 4253 §7.1, §7.3).
 */
export type KexStep = "kexinit" | "method" | "newkeys";

/** The part of a connection that takes a message: the transport itself, its key exchange, or a layer above it. */
export type Receiver = "transport" | "key-exchange" | "layer-above";

/**
 * Where the peer's packets have come to with SSH_MSG_EXT_INFO (RFC 8308 §2.4):
 * - `first`: its next packet is the first after its first NEWKEYS;
 * - `before-success`: a server may send one more, right before SSH_MSG_USERAUTH_SUCCESS;
 * - `success-due`: it has, so that SSH_MSG_USERAUTH_SUCCESS must follow;
 * - `past`: none may come any more.
 */
export type ExtInfoPlace = "first" | "before-success" | "success-due" | "past";

/** One row of the message table: a message, who takes it, and when it may arrive. */
export interface MessageRow {
  readonly message: Omit<Message<unknown>, "encode">;
  /** The same for all messages of one number. */
  readonly receiver: Receiver;
  readonly sender: Sender;
  readonly phases: readonly Phase[];
  readonly places: readonly ExtInfoPlace[];
  /** Only under this method. */
  readonly method?: MethodContext;
  /** May arrive while a key exchange that the peer has begun is under way (RFC 4253 §7.1). */
  readonly duringRekey: boolean;
  /** May arrive in the first key exchange although strict key exchange is in force (OpenSSH PROTOCOL §1.10). */
  readonly duringStrictKex: boolean;
  /** Only when the key exchange has come to this step. */
  readonly step?: KexStep;
  /**
   * Sent by this side before authentication has succeeded, it is answered with SSH_MSG_UNIMPLEMENTED instead of ending the
   * connection: a client may let it travel with the login that it expects to succeed (RFC 4252 §5.1).
   */
  readonly early?: Sender;
  /**
   * Sent by this side after authentication has succeeded, it is silently ignored: a client may have sent it before it learned of
   * its success (RFC 4252 §5.3).
   */
  readonly late?: Sender;
}

/** Whether a number is in the range of key exchange methods (RFC 4250 §4.1.2). */
export function isKexMethodNumber(number: number): boolean {
  return number >= 30 && number <= 49;
}

/** The methods in use, which decide what the numbers of their ranges mean. */
export interface Methods {
  readonly kex: MethodContext | undefined;
  readonly auth: MethodContext | undefined;
}

/** Whether a row's number has the row's meaning under these methods. */
export function isUnderMethod({ method, receiver }: MessageRow, { kex, auth }: Methods): boolean {
  return method === undefined || method === (receiver === "key-exchange" ? kex : auth);
}

/** The name of the message that a number stands for under a method: `"SSH_MSG_USERAUTH_PK_OK"`. `undefined` when it has no meaning there. */
export function messageName(number: number, method: MethodContext | undefined): string | undefined {
  const row = MESSAGE_TABLE.find(
    (one) => one.message.number === number && (one.method === undefined || one.method === method),
  );
  return row?.message.name;
}

const ANY: readonly Phase[] = ["kex", "auth", "connection"];
const SECURE: readonly Phase[] = ["auth", "connection"];
const ANY_PLACE: readonly ExtInfoPlace[] = ["first", "before-success", "success-due", "past"];
const NO_SUCCESS_DUE: readonly ExtInfoPlace[] = ["first", "before-success", "past"];

/** Every message Nacre knows: RFC 4250 §4.1.2 and the extensions it implements. */
export const MESSAGE_TABLE: readonly MessageRow[] = [
  general(transport.SSH_MSG_DISCONNECT, { duringStrictKex: true }),
  general(transport.SSH_MSG_IGNORE),
  general(transport.SSH_MSG_UNIMPLEMENTED),
  general(transport.SSH_MSG_DEBUG),
  row(transport.SSH_MSG_SERVICE_REQUEST, "client", ["auth"]),
  row(transport.SSH_MSG_SERVICE_ACCEPT, "server", ["auth"]),
  { ...row(transport.SSH_MSG_EXT_INFO, "both", ["auth"]), receiver: "transport", places: ["first", "before-success"] },
  keyExchange(transport.SSH_MSG_KEXINIT, "both", "kexinit"),
  keyExchange(transport.SSH_MSG_NEWKEYS, "both", "newkeys"),
  keyExchange(transport.SSH_MSG_KEX_ECDH_INIT, "client", "method", "ecdh"),
  keyExchange(transport.SSH_MSG_KEX_ECDH_REPLY, "server", "method", "ecdh"),
  keyExchange(transport.SSH_MSG_KEXDH_INIT, "client", "method", "dh"),
  keyExchange(transport.SSH_MSG_KEXDH_REPLY, "server", "method", "dh"),
  keyExchange(transport.SSH_MSG_KEX_DH_GEX_REQUEST, "client", "method", "dh-gex"),
  keyExchange(transport.SSH_MSG_KEX_DH_GEX_GROUP, "server", "method", "dh-gex"),
  keyExchange(transport.SSH_MSG_KEX_DH_GEX_INIT, "client", "method", "dh-gex"),
  keyExchange(transport.SSH_MSG_KEX_DH_GEX_REPLY, "server", "method", "dh-gex"),
  { ...row(SSH_MSG_USERAUTH_REQUEST, "client", ["auth"]), late: "client" },
  row(SSH_MSG_USERAUTH_FAILURE, "server", ["auth"]),
  { ...row(SSH_MSG_USERAUTH_SUCCESS, "server", ["auth"]), places: ANY_PLACE },
  row(SSH_MSG_USERAUTH_BANNER, "server", ["auth"]),
  row(SSH_MSG_USERAUTH_PK_OK, "server", ["auth"], "publickey"),
  row(SSH_MSG_USERAUTH_PASSWD_CHANGEREQ, "server", ["auth"], "password"),
  row(SSH_MSG_USERAUTH_INFO_REQUEST, "server", ["auth"], "keyboard-interactive"),
  row(SSH_MSG_USERAUTH_INFO_RESPONSE, "client", ["auth"], "keyboard-interactive"),
  row(connection.SSH_MSG_GLOBAL_REQUEST, "both", ["connection"]),
  row(connection.SSH_MSG_REQUEST_SUCCESS, "both", ["connection"]),
  row(connection.SSH_MSG_REQUEST_FAILURE, "both", ["connection"]),
  { ...row(connection.SSH_MSG_CHANNEL_OPEN, "both", ["connection"]), early: "client" },
  row(connection.SSH_MSG_CHANNEL_OPEN_CONFIRMATION, "both", ["connection"]),
  row(connection.SSH_MSG_CHANNEL_OPEN_FAILURE, "both", ["connection"]),
  row(connection.SSH_MSG_CHANNEL_WINDOW_ADJUST, "both", ["connection"]),
  row(connection.SSH_MSG_CHANNEL_DATA, "both", ["connection"]),
  row(connection.SSH_MSG_CHANNEL_EXTENDED_DATA, "both", ["connection"]),
  row(connection.SSH_MSG_CHANNEL_EOF, "both", ["connection"]),
  row(connection.SSH_MSG_CHANNEL_CLOSE, "both", ["connection"]),
  row(connection.SSH_MSG_CHANNEL_REQUEST, "both", ["connection"]),
  row(connection.SSH_MSG_CHANNEL_SUCCESS, "both", ["connection"]),
  row(connection.SSH_MSG_CHANNEL_FAILURE, "both", ["connection"]),
  { ...row(transport.SSH_MSG_PING, "both", SECURE), receiver: "transport" },
  { ...row(transport.SSH_MSG_PONG, "both", SECURE), receiver: "transport" },
];

function row<T>(message: Message<T>, sender: Sender, phases: readonly Phase[], method?: MethodContext): MessageRow {
  return {
    message,
    receiver: "layer-above",
    sender,
    phases,
    places: NO_SUCCESS_DUE,
    duringRekey: false,
    duringStrictKex: false,
    ...(method && { method }),
  };
}

/** RFC 4253 §11: allowed at any time, but for strict key exchange. */
function general<T>(message: Message<T>, options?: { readonly duringStrictKex: boolean }): MessageRow {
  const duringStrictKex = options?.duringStrictKex ?? false;
  return {
    ...row(message, "both", ANY),
    receiver: "transport",
    places: ANY_PLACE,
    duringRekey: true,
    duringStrictKex,
  };
}

function keyExchange<T>(message: Message<T>, sender: Sender, step: KexStep, method?: MethodContext): MessageRow {
  return {
    ...row(message, sender, ANY, method),
    receiver: "key-exchange",
    duringRekey: true,
    duringStrictKex: true,
    step,
  };
}
