import type { Login, Role } from "./whole-session.ts";

/**
 * What must become of a session when nothing but the protocol notices that a message was lost, came twice, or was overtaken by
 * the next: see `ending`. `NO`: no message follows before this one is answered, so that none can overtake it.
 */
type Row = readonly [message: string, dropped: string, repeated: string, swapped: string];

export const NO = "nothing overtakes it";
/** Nothing in an SSH message tells that it is the second of its kind, or the first that is missing: its MAC does. */
const STDIN = "other: server stdout";
const STDOUT = "other: client stdout";
const STDERR = "other: client stderr";
const CLIENT_TOLD = "other: client told";
const SERVER_TOLD = "other: server told";
/** The server of these tests runs a command as often as it is asked to. */
const RUN_TWICE = "other: client stdout, client stderr, server told";
const KEX_TIME = "client kex-timeout";
const AUTH_TIME = "client auth-timeout";
const SERVER_ENDS = "server unexpected-message";
const CLIENT_ENDS = "client unexpected-message";

/** RFC 4253 §4.2, §7.1, §7.3: all is in order, and in a strict first exchange nothing else comes. */
const CLIENT_KEX: readonly Row[] = [
  // A second line is read as a packet, whose length "SSH-" cannot be.
  ["identification", "server not-ssh", "server packet-length", "server not-ssh"],
  // The client, which has the server's, goes on to the method's message.
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

/** A later key exchange, which the client begins with a lone KEXINIT. */
const CLIENT_REKEY: readonly Row[] = [
  ["KEXINIT", KEX_TIME, SERVER_ENDS, NO],
  ["KEX_ECDH_INIT", KEX_TIME, SERVER_ENDS, NO],
  // Data follows it at once, and stands inside the exchange where NEWKEYS is missing or late.
  ["NEWKEYS", SERVER_ENDS, SERVER_ENDS, SERVER_ENDS],
];
const SERVER_REKEY: readonly Row[] = [
  ["KEXINIT", KEX_TIME, CLIENT_ENDS, NO],
  ["KEX_ECDH_REPLY", CLIENT_ENDS, CLIENT_ENDS, CLIENT_ENDS],
  ["NEWKEYS", CLIENT_ENDS, CLIENT_ENDS, CLIENT_ENDS],
];

/** How the command ends, and the session with it. */
const CLIENT_END: readonly Row[] = [
  // The command waits for the end of its input. An end that comes twice is one; one that comes before the last bytes is not.
  ["CHANNEL_EOF", "alive", "same", "same"],
  ["CHANNEL_WINDOW_ADJUST", "same", "same", "same"],
  ["CHANNEL_CLOSE", SERVER_TOLD, "server channel-unknown", SERVER_TOLD],
  ["DISCONNECT", "server connection-lost", "same", NO],
];
const SERVER_END: readonly Row[] = [
  ["CHANNEL_WINDOW_ADJUST", "same", "same", "same"],
  // The exit status: only the first of two is an event.
  ["CHANNEL_REQUEST", CLIENT_TOLD, "same", CLIENT_TOLD],
  ["CHANNEL_EOF", CLIENT_TOLD, "same", CLIENT_TOLD],
  // The client disconnects at the first one.
  ["CHANNEL_CLOSE", "alive", "same", NO],
];

export const FAULTS: Readonly<Record<Login, Readonly<Record<Role, readonly Row[]>>>> = {
  key: {
    client: [
      ...CLIENT_KEX,
      // Without the service no login is looked at.
      ["SERVICE_REQUEST", SERVER_ENDS, SERVER_ENDS, SERVER_ENDS],
      // The early opening is not understood, although no login has failed. A second login is ignored (RFC 4252 §5.3).
      ["USERAUTH_REQUEST", CLIENT_ENDS, "same", CLIENT_ENDS],
      // A second one is a channel that the client knows nothing of.
      ["CHANNEL_OPEN", "alive", CLIENT_ENDS, CLIENT_TOLD],
      // "hostkeys-prove-00@openssh.com", whose second answer is ignored.
      ["GLOBAL_REQUEST", CLIENT_TOLD, "same", CLIENT_TOLD],
      // "env" and "exec". Replies have no number: one too few leaves the last request waiting (RFC 4254 §5.4), one too many is ignored.
      ["CHANNEL_REQUEST", "alive", SERVER_TOLD, SERVER_TOLD],
      ["CHANNEL_REQUEST", "alive", RUN_TWICE, NO],
      ["CHANNEL_DATA", STDIN, STDIN, STDIN],
      ["CHANNEL_DATA", STDIN, STDIN, STDIN],
      // Data inside a key exchange ends it.
      ["CHANNEL_DATA", STDIN, STDIN, SERVER_ENDS],
      ...CLIENT_REKEY,
      // The output waits for it; twice it is credit that this command does not use.
      ["CHANNEL_WINDOW_ADJUST", "alive", "same", "same"],
      ["CHANNEL_DATA", STDIN, STDIN, STDIN],
      // Data after EOF.
      ["CHANNEL_DATA", STDIN, STDIN, SERVER_ENDS],
      ...CLIENT_END,
    ],
    server: [
      ...SERVER_KEX,
      // RFC 8308 §2.4: right after NEWKEYS, or right before SUCCESS, as where SERVICE_ACCEPT has overtaken it. The login needs it not.
      ["EXT_INFO", "same", CLIENT_ENDS, "same"],
      ["SERVICE_ACCEPT", CLIENT_ENDS, CLIENT_ENDS, CLIENT_ENDS],
      // The announcement of the host keys, which comes behind it, is nothing for a client that is not in.
      ["USERAUTH_SUCCESS", CLIENT_ENDS, CLIENT_ENDS, CLIENT_ENDS],
      ["GLOBAL_REQUEST", CLIENT_TOLD, CLIENT_TOLD, CLIENT_TOLD],
      ["CHANNEL_OPEN_CONFIRMATION", "alive", CLIENT_ENDS, CLIENT_TOLD],
      ["REQUEST_SUCCESS", CLIENT_TOLD, "same", CLIENT_TOLD],
      // Two that are alike.
      ["CHANNEL_SUCCESS", "alive", "same", "same"],
      // Standard error has overtaken the second: the event that the command runs comes a little later.
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
      // Each awaits its answer. Failures have no number: one too many is taken for the answer to the next password.
      ["USERAUTH_REQUEST", AUTH_TIME, CLIENT_TOLD, NO],
      ["USERAUTH_REQUEST", AUTH_TIME, "other: client told, server told", NO],
      ["USERAUTH_REQUEST", AUTH_TIME, "same", NO],
      ["CHANNEL_OPEN", "alive", CLIENT_ENDS, NO],
      // Its reply is taken for that of "exec", which has overtaken it: the input comes before the command is reported.
      ["CHANNEL_REQUEST", "alive", SERVER_TOLD, "other: client told, server told"],
      ["CHANNEL_REQUEST", "alive", RUN_TWICE, NO],
      ["CHANNEL_DATA", STDIN, STDIN, STDIN],
      ["CHANNEL_DATA", STDIN, STDIN, STDIN],
      ["CHANNEL_DATA", STDIN, STDIN, "same"],
      ["CHANNEL_WINDOW_ADJUST", "alive", "same", SERVER_ENDS],
      // The answer to the server's KEXINIT, with the method's message behind it.
      ["KEXINIT", SERVER_ENDS, SERVER_ENDS, SERVER_ENDS],
      ["KEX_ECDH_INIT", KEX_TIME, SERVER_ENDS, NO],
      ["NEWKEYS", SERVER_ENDS, SERVER_ENDS, SERVER_ENDS],
      ["CHANNEL_DATA", STDIN, STDIN, STDIN],
      ["CHANNEL_DATA", STDIN, STDIN, SERVER_ENDS],
      ...CLIENT_END,
    ],
    server: [
      ...SERVER_KEX,
      // Neither right after NEWKEYS nor right before SUCCESS.
      ["EXT_INFO", "same", CLIENT_ENDS, CLIENT_ENDS],
      ["SERVICE_ACCEPT", CLIENT_ENDS, CLIENT_ENDS, CLIENT_ENDS],
      ["USERAUTH_BANNER", CLIENT_TOLD, CLIENT_TOLD, CLIENT_TOLD],
      ["USERAUTH_FAILURE", AUTH_TIME, CLIENT_TOLD, NO],
      ["USERAUTH_FAILURE", AUTH_TIME, CLIENT_TOLD, NO],
      // The server's question whether the client is there is nothing for a client that is not in.
      ["USERAUTH_SUCCESS", CLIENT_ENDS, CLIENT_ENDS, NO],
      ["CHANNEL_OPEN_CONFIRMATION", "alive", CLIENT_ENDS, NO],
      ["CHANNEL_SUCCESS", "alive", "same", "same"],
      ["CHANNEL_SUCCESS", "alive", "same", "same"],
      ["CHANNEL_EXTENDED_DATA", STDERR, STDERR, "same"],
      ["CHANNEL_DATA", STDOUT, STDOUT, STDOUT],
      ["CHANNEL_DATA", STDOUT, STDOUT, CLIENT_ENDS],
      // The server begins the later key exchange.
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
