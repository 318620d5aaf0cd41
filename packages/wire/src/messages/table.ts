import type { Message } from "../structure.ts";
import {
  SSH_MSG_USERAUTH_BANNER,
  SSH_MSG_USERAUTH_FAILURE,
  SSH_MSG_USERAUTH_REQUEST,
  SSH_MSG_USERAUTH_SUCCESS,
} from "./auth.ts";
import * as connection from "./connection.ts";
import * as transport from "./transport.ts";

/** Side that may send a message. */
export type Sender = "client" | "server" | "both";

/**
 * Phase of a connection, which determines the messages that may arrive:
 * - `kex`: the first key exchange, until the peer's NEWKEYS;
 * - `auth`: from then until authentication succeeds;
 * - `connection`: after authentication.
 *
 * A rekey does not change the phase, but allows fewer messages (RFC 4253 §7.1); see `duringRekey`.
 */
export type Phase = "kex" | "auth" | "connection";

/** Kind of key exchange method, which gives the message numbers 30–49 their meaning. */
export type KexContext = "ecdh" | "dh" | "dh-gex";

/** A message of a login method: what a number from 60 to 79 means while that method is in use (RFC 4252 §6). */
export interface LoginMessage {
  readonly message: Omit<Message<unknown>, "encode">;
  readonly sender: Sender;
  /** Returns the main fields on one line, for the trace. Must not contain secrets. */
  readonly describe?: (payload: Uint8Array) => string;
}

/** The part of a login method that the transport and the trace need: its name and its messages. */
export interface LoginMessages {
  /** Name in SSH_MSG_USERAUTH_REQUEST, such as `"password"`. */
  readonly name: string;
  /** Further names in SSH_MSG_USERAUTH_REQUEST. They count as `name` in lists of methods. */
  readonly variants?: readonly string[];
  readonly messages: readonly LoginMessage[];
  /**
   * Returns the main method-specific fields of a request on one line, for the trace. Must not contain secrets. `describeCertificate`
   * returns the fields of a certificate, and `""` for a plain key.
   */
  describeRequest?(
    methodData: Uint8Array,
    methodName: string,
    describeCertificate: (publicKey: Uint8Array) => string,
  ): string;
}

/**
 * Key exchange message expected next: KEXINIT if the peer has no exchange in progress, then the method's own messages, then NEWKEYS
 * (RFC 4253 §7.1, §7.3).
 */
export type KexStep = "kexinit" | "method" | "newkeys";

/** Part of a connection that handles a message: the transport itself, its key exchange, or a layer above it. */
export type Receiver = "transport" | "key-exchange" | "layer-above";

/**
 * Position of the peer's next packet relative to the points where SSH_MSG_EXT_INFO is allowed (RFC 8308 §2.4):
 * - `first`: the first packet after the peer's first NEWKEYS, which may be an SSH_MSG_EXT_INFO;
 * - `before-success`: a server may send another one immediately before SSH_MSG_USERAUTH_SUCCESS;
 * - `success-due`: the server sent that one, so SSH_MSG_USERAUTH_SUCCESS must follow;
 * - `past`: SSH_MSG_EXT_INFO is no longer allowed.
 */
export type ExtInfoPlace = "first" | "before-success" | "success-due" | "past";

/** One row of the message table: a message, its receiver, and when it may arrive. */
export interface MessageRow {
  readonly message: Omit<Message<unknown>, "encode">;
  /** Layer that handles the message; the same for all messages with one number. */
  readonly receiver: Receiver;
  readonly sender: Sender;
  readonly phases: readonly Phase[];
  readonly places: readonly ExtInfoPlace[];
  /** Kex context or login method under which the number has this meaning; absent if the meaning does not depend on a method. */
  readonly method?: string | undefined;
  /** Describes the message of a login method: see {@link LoginMessage}. */
  readonly describe?: ((payload: Uint8Array) => string) | undefined;
  /** Whether it may arrive between the peer's KEXINIT and NEWKEYS (RFC 4253 §7.1). */
  readonly duringRekey: boolean;
  /** Whether it may arrive in the first key exchange under strict key exchange (OpenSSH PROTOCOL §1.10). */
  readonly duringStrictKex: boolean;
  /** Step of the key exchange in which it may arrive; absent for other messages. */
  readonly step?: KexStep;
  /**
   * Side that may send the message before authentication succeeds. The reply is then SSH_MSG_UNIMPLEMENTED, and the connection continues: a
   * client may send the message together with a login that it expects to succeed (RFC 4252 §5.1).
   */
  readonly early?: Sender;
  /**
   * Side that may send the message after authentication succeeds. The message is then ignored, because the client may have sent it before
   * it received the success (RFC 4252 §5.3).
   */
  readonly late?: Sender;
}

/** Returns whether a message number is specific to the key exchange method (RFC 4250 §4.1.2). */
export function isKexMethodNumber(number: number): boolean {
  return number >= 30 && number <= 49;
}

/** Returns whether a message number is specific to the login method (RFC 4250 §4.1.2). */
export function isLoginMethodNumber(number: number): boolean {
  return number >= 60 && number <= 79;
}

/** Methods that give method-specific message numbers their meaning. */
export interface Methods {
  readonly kex?: KexContext | undefined;
  /** Name of the login method in use. */
  readonly login?: string | undefined;
  /** Login methods of this connection. */
  readonly loginMethods: readonly LoginMessages[];
}

/** Returns the rows of a message number; empty for an unknown one. The rows of 60 to 79 are those of `loginMethods`. */
export function rowsOf(number: number, loginMethods: readonly LoginMessages[]): readonly MessageRow[] {
  const rows = ROWS[number] ?? [];
  if (rows.length > 0 || !isLoginMethodNumber(number)) return rows;
  return loginMethods.flatMap(({ name, messages }) =>
    messages
      .filter(({ message }) => message.number === number)
      .map(({ message, sender, describe }) => ({
        ...row(message, sender, ["auth"]),
        method: name,
        describe,
      })),
  );
}

/** Returns whether the row applies to its message number under these methods. */
export function isUnderMethod(
  { method, receiver }: MessageRow,
  { kex, login }: Pick<Methods, "kex" | "login">,
): boolean {
  return method === undefined || method === (receiver === "key-exchange" ? kex : login);
}

/** Returns the name of a message, such as `"SSH_MSG_USERAUTH_PK_OK"`; `undefined` if the number has no meaning under these methods. */
export function messageName(number: number, methods: Methods): string | undefined {
  return rowsOf(number, methods.loginMethods).find((one) => isUnderMethod(one, methods))?.message.name;
}

const ANY: readonly Phase[] = ["kex", "auth", "connection"];
const SECURE: readonly Phase[] = ["auth", "connection"];
const ANY_PLACE: readonly ExtInfoPlace[] = ["first", "before-success", "success-due", "past"];
const NO_SUCCESS_DUE: readonly ExtInfoPlace[] = ["first", "before-success", "past"];

/** All messages that Nacre implements, including extensions (RFC 4250 §4.1.2), except those of login methods: see {@link LoginMessage}. */
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

/** The rows of the table by message number. */
const ROWS: readonly (readonly MessageRow[])[] = /* @__PURE__ */ byNumber(MESSAGE_TABLE);

function byNumber(table: readonly MessageRow[]): MessageRow[][] {
  const rows: MessageRow[][] = Array.from({ length: 256 }, () => []);
  for (const one of table) rows[one.message.number]!.push(one);
  return rows;
}

function row(
  message: MessageRow["message"],
  sender: Sender,
  phases: readonly Phase[],
  method?: KexContext,
): MessageRow {
  return {
    message,
    receiver: "layer-above",
    sender,
    phases,
    places: NO_SUCCESS_DUE,
    duringRekey: false,
    duringStrictKex: false,
    method,
  };
}

/** Returns the row of a message that is allowed at any time; during strict key exchange only with `duringStrictKex` (RFC 4253 §11). */
function general(message: MessageRow["message"], options?: { readonly duringStrictKex: boolean }): MessageRow {
  const duringStrictKex = options?.duringStrictKex ?? false;
  return {
    ...row(message, "both", ANY),
    receiver: "transport",
    places: ANY_PLACE,
    duringRekey: true,
    duringStrictKex,
  };
}

function keyExchange(message: MessageRow["message"], sender: Sender, step: KexStep, method?: KexContext): MessageRow {
  return {
    ...row(message, sender, ANY, method),
    receiver: "key-exchange",
    duringRekey: true,
    duringStrictKex: true,
    step,
  };
}
