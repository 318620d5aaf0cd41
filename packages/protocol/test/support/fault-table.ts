import type { Login, Role } from "./whole-connection.ts";

/**
 * Expected outcomes, in the format of `ending`, when a message is dropped, repeated or swapped with the next one and no MAC detects it.
 * `NO` means that no next message is sent before a reply arrives, so the message cannot be swapped.
 */
type Row = readonly [message: string, dropped: string, repeated: string, swapped: string];

export const NO = "no message to swap with";
/** SSH messages have no numbers of their own, so only a MAC detects lost or repeated data. */
const STDIN = "other: server stdout";
const STDOUT = "other: client stdout";
const STDERR = "other: client stderr";
const CLIENT_EVENTS = "other: client events";
const SERVER_EVENTS = "other: server events";
/** The test server runs the command once per request. */
const RUN_TWICE = "other: client stdout, client stderr, server events";
const KEX_TIME = "client kex-timeout";
const AUTH_TIME = "client auth-timeout";
const SERVER_ENDS = "server unexpected-message";
const CLIENT_ENDS = "client unexpected-message";

/** First key exchange. The order is fixed, and strict key exchange allows no other messages (RFC 4253 §4.2, §7.1, §7.3). */
const CLIENT_KEX: readonly Row[] = [
  // A second identification is parsed as a packet; "SSH-" is not a valid packet length.
  ["identification", "server not-ssh", "server packet-length", "server not-ssh"],
  // The client has the server's KEXINIT and continues with KEX_ECDH_INIT.
  ["KEXINIT", SERVER_ENDS, SERVER_ENDS, SERVER_ENDS],
  ["KEX_ECDH_INIT", KEX_TIME, SERVER_ENDS, NO],
  ["NEWKEYS", SERVER_ENDS, SERVER_ENDS, SERVER_ENDS],
];
const SERVER_KEX: readonly Row[] = [
  ["identification", "client not-ssh", "client packet-length", "client not-ssh"],
  ["KEXINIT", KEX_TIME, CLIENT_ENDS, NO],
  ["KEX_ECDH_REPLY", CLIENT_ENDS, CLIENT_ENDS, CLIENT_ENDS],
  ["NEWKEYS", CLIENT_ENDS, CLIENT_ENDS, CLIENT_ENDS],
];

/** Rekey that the client starts with KEXINIT alone. */
const CLIENT_REKEY: readonly Row[] = [
  ["KEXINIT", KEX_TIME, SERVER_ENDS, NO],
  ["KEX_ECDH_INIT", KEX_TIME, SERVER_ENDS, NO],
  // Data follows immediately. Without NEWKEYS before it, the data falls inside the key exchange.
  ["NEWKEYS", SERVER_ENDS, SERVER_ENDS, SERVER_ENDS],
];
const SERVER_REKEY: readonly Row[] = [
  ["KEXINIT", KEX_TIME, CLIENT_ENDS, NO],
  ["KEX_ECDH_REPLY", CLIENT_ENDS, CLIENT_ENDS, CLIENT_ENDS],
  ["NEWKEYS", CLIENT_ENDS, CLIENT_ENDS, CLIENT_ENDS],
];

/** End of the command and of the connection. */
const CLIENT_END: readonly Row[] = [
  // Without EOF the command keeps waiting for input. A second EOF is ignored.
  ["CHANNEL_EOF", "alive", "same", "same"],
  ["CHANNEL_WINDOW_ADJUST", "same", "same", "same"],
  ["CHANNEL_CLOSE", SERVER_EVENTS, "server channel-unknown", SERVER_EVENTS],
  ["DISCONNECT", "server connection-lost", "same", NO],
];
const SERVER_END: readonly Row[] = [
  ["CHANNEL_WINDOW_ADJUST", "same", "same", "same"],
  // exit-status; only the first one causes an event.
  ["CHANNEL_REQUEST", CLIENT_EVENTS, "same", CLIENT_EVENTS],
  ["CHANNEL_EOF", CLIENT_EVENTS, "same", CLIENT_EVENTS],
  // The client disconnects at the first CHANNEL_CLOSE.
  ["CHANNEL_CLOSE", "alive", "same", NO],
];

export const FAULTS: Readonly<Record<Login, Readonly<Record<Role, readonly Row[]>>>> = {
  key: {
    client: [
      ...CLIENT_KEX,
      // A login without a service request is an error.
      ["SERVICE_REQUEST", SERVER_ENDS, SERVER_ENDS, SERVER_ENDS],
      // The early CHANNEL_OPEN gets UNIMPLEMENTED although no login failed. A second login is ignored (RFC 4252 §5.3).
      ["USERAUTH_REQUEST", CLIENT_ENDS, "same", CLIENT_ENDS],
      // The server confirms the repeated open as a second channel, which the client did not open.
      ["CHANNEL_OPEN", "alive", CLIENT_ENDS, CLIENT_EVENTS],
      // hostkeys-prove-00@openssh.com; the client ignores the second reply.
      ["GLOBAL_REQUEST", CLIENT_EVENTS, "same", CLIENT_EVENTS],
      // env and exec. Replies match requests by order (RFC 4254 §5.4): a missing one leaves the last request waiting, an extra one is
      // ignored.
      ["CHANNEL_REQUEST", "alive", SERVER_EVENTS, SERVER_EVENTS],
      ["CHANNEL_REQUEST", "alive", RUN_TWICE, NO],
      ["CHANNEL_DATA", STDIN, STDIN, STDIN],
      ["CHANNEL_DATA", STDIN, STDIN, STDIN],
      // Data during a key exchange is an error.
      ["CHANNEL_DATA", STDIN, STDIN, SERVER_ENDS],
      ...CLIENT_REKEY,
      // The output waits for this credit. The command does not use the extra credit.
      ["CHANNEL_WINDOW_ADJUST", "alive", "same", "same"],
      ["CHANNEL_DATA", STDIN, STDIN, STDIN],
      // Data after EOF is an error.
      ["CHANNEL_DATA", STDIN, STDIN, SERVER_ENDS],
      ...CLIENT_END,
    ],
    server: [
      ...SERVER_KEX,
      // Allowed right after NEWKEYS or right before USERAUTH_SUCCESS (RFC 8308 §2.4). Swapping puts it before SUCCESS. The login does not
      // need it.
      ["EXT_INFO", "same", CLIENT_ENDS, "same"],
      ["SERVICE_ACCEPT", CLIENT_ENDS, CLIENT_ENDS, CLIENT_ENDS],
      // The hostkeys-00 announcement that follows is not allowed before USERAUTH_SUCCESS.
      ["USERAUTH_SUCCESS", CLIENT_ENDS, CLIENT_ENDS, CLIENT_ENDS],
      ["GLOBAL_REQUEST", CLIENT_EVENTS, CLIENT_EVENTS, CLIENT_EVENTS],
      ["CHANNEL_OPEN_CONFIRMATION", "alive", CLIENT_ENDS, CLIENT_EVENTS],
      ["REQUEST_SUCCESS", CLIENT_EVENTS, "same", CLIENT_EVENTS],
      // Followed by an identical CHANNEL_SUCCESS.
      ["CHANNEL_SUCCESS", "alive", "same", "same"],
      // Standard error arrives before the second CHANNEL_SUCCESS, which only delays one event.
      ["CHANNEL_SUCCESS", "alive", "same", "same"],
      ["CHANNEL_EXTENDED_DATA", STDERR, STDERR, "same"],
      ["CHANNEL_DATA", STDOUT, STDOUT, STDOUT],
      ["CHANNEL_DATA", STDOUT, STDOUT, "same"],
      ["CHANNEL_WINDOW_ADJUST", "alive", "same", CLIENT_ENDS],
      ...SERVER_REKEY,
      ["CHANNEL_DATA", STDOUT, STDOUT, STDOUT],
      ["CHANNEL_DATA", STDOUT, STDOUT, "same"],
      ...SERVER_END,
    ],
  },
  password: {
    client: [
      ...CLIENT_KEX,
      ["SERVICE_REQUEST", SERVER_ENDS, SERVER_ENDS, SERVER_ENDS],
      // Each login waits for its reply. An extra USERAUTH_FAILURE counts as the reply to the next password.
      ["USERAUTH_REQUEST", AUTH_TIME, CLIENT_EVENTS, NO],
      ["USERAUTH_REQUEST", AUTH_TIME, "other: client events, server events", NO],
      ["USERAUTH_REQUEST", AUTH_TIME, "same", NO],
      ["CHANNEL_OPEN", "alive", CLIENT_ENDS, NO],
      // Swapped with exec, its reply counts as the reply to exec, so the input is sent too early.
      ["CHANNEL_REQUEST", "alive", SERVER_EVENTS, "other: client events, server events"],
      ["CHANNEL_REQUEST", "alive", RUN_TWICE, NO],
      ["CHANNEL_DATA", STDIN, STDIN, STDIN],
      ["CHANNEL_DATA", STDIN, STDIN, STDIN],
      ["CHANNEL_DATA", STDIN, STDIN, "same"],
      ["CHANNEL_WINDOW_ADJUST", "alive", "same", SERVER_ENDS],
      // Reply to the server's KEXINIT, followed by KEX_ECDH_INIT.
      ["KEXINIT", SERVER_ENDS, SERVER_ENDS, SERVER_ENDS],
      ["KEX_ECDH_INIT", KEX_TIME, SERVER_ENDS, NO],
      ["NEWKEYS", SERVER_ENDS, SERVER_ENDS, SERVER_ENDS],
      ["CHANNEL_DATA", STDIN, STDIN, STDIN],
      ["CHANNEL_DATA", STDIN, STDIN, SERVER_ENDS],
      ...CLIENT_END,
    ],
    server: [
      ...SERVER_KEX,
      // Swapped, it is neither right after NEWKEYS nor right before SUCCESS.
      ["EXT_INFO", "same", CLIENT_ENDS, CLIENT_ENDS],
      ["SERVICE_ACCEPT", CLIENT_ENDS, CLIENT_ENDS, CLIENT_ENDS],
      ["USERAUTH_BANNER", CLIENT_EVENTS, CLIENT_EVENTS, CLIENT_EVENTS],
      ["USERAUTH_FAILURE", AUTH_TIME, CLIENT_EVENTS, NO],
      ["USERAUTH_FAILURE", AUTH_TIME, CLIENT_EVENTS, NO],
      // The server's keepalive is not allowed before USERAUTH_SUCCESS.
      ["USERAUTH_SUCCESS", CLIENT_ENDS, CLIENT_ENDS, NO],
      ["CHANNEL_OPEN_CONFIRMATION", "alive", CLIENT_ENDS, NO],
      ["CHANNEL_SUCCESS", "alive", "same", "same"],
      ["CHANNEL_SUCCESS", "alive", "same", "same"],
      ["CHANNEL_EXTENDED_DATA", STDERR, STDERR, "same"],
      ["CHANNEL_DATA", STDOUT, STDOUT, STDOUT],
      ["CHANNEL_DATA", STDOUT, STDOUT, CLIENT_ENDS],
      // The server starts the rekey.
      ["KEXINIT", "server kex-timeout", CLIENT_ENDS, NO],
      ["KEX_ECDH_REPLY", CLIENT_ENDS, CLIENT_ENDS, CLIENT_ENDS],
      ["NEWKEYS", CLIENT_ENDS, CLIENT_ENDS, CLIENT_ENDS],
      ["CHANNEL_WINDOW_ADJUST", "alive", "same", "same"],
      ["CHANNEL_DATA", STDOUT, STDOUT, STDOUT],
      ["CHANNEL_DATA", STDOUT, STDOUT, "same"],
      ...SERVER_END,
    ],
  },
};
