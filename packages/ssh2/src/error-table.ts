import type { ErrorLevel } from "./errors.ts";

/** Errors with the same place, level and code. */
export interface ErrorRow {
  /** Where a program gets them, in the Markdown of README. */
  readonly where: string;
  /** `error.level`; `undefined` if they have none. */
  readonly level?: ErrorLevel;
  /** `error.code`. */
  readonly code?: string | number;
  /** Number that they carry, in the Markdown of README, if it is not one `code` for all. */
  readonly number?: string;
  /** Messages. A word in capitals and `…` stand for a value or a text of another program. */
  readonly messages: readonly string[];
  /** First column of the line in README's table of differences that explains why ssh2 has no such error, or another one. */
  readonly differs?: string;
}

const CONNECT = "`connect` throws";
const CLIENT_ERROR = "`error` of `Client`";
const CLIENT_METHODS = "callbacks of `Client`";
const SFTP = "callbacks of SFTP";
const PARSE_KEY = "`utils.parseKey` returns";
const AGENTS = "callbacks of agents";

/**
 * Errors that programs match by message, level or code. README's table of errors has these lines, and a test provokes each of them
 * with ssh2 and with this package.
 */
export const ERROR_TABLE: readonly ErrorRow[] = [
  {
    where: CONNECT,
    messages: [
      "Invalid username",
      "Cannot parse privateKey: …",
      "privateKey value does not contain a (valid) private key",
      "You must set a valid agent path to allow agent forwarding",
      "Unsupported algorithm: NAME",
    ],
  },
  {
    where: CONNECT,
    differs: "host keys",
    messages: [
      "Invalid `hostKeys`: VALUE; expected strict, known, warn, off",
      "Invalid NACRE_SSH2_HOST_KEYS: VALUE; expected strict, known, warn, off",
    ],
  },
  {
    where: CONNECT,
    differs: "RSA keys",
    messages: ["NACRE_SSH2_MIN_RSA is VALUE; set it to a number of bits from 1024 to 16384"],
  },
  { where: CONNECT, differs: "limits", code: "usage", messages: ["`NAME` must be …"] },
  {
    where: CLIENT_ERROR,
    level: "client-authentication",
    messages: ["All configured authentication methods failed"],
  },
  { where: CLIENT_ERROR, level: "client-socket", code: "ECONNREFUSED", messages: ["connect ECONNREFUSED ADDRESS"] },
  { where: CLIENT_ERROR, level: "client-socket", code: "ECONNRESET", messages: ["read ECONNRESET"] },
  { where: CLIENT_ERROR, level: "client-socket", code: "ENOTFOUND", messages: ["getaddrinfo ENOTFOUND HOST"] },
  {
    where: CLIENT_ERROR,
    level: "client-dns",
    messages: [
      "Error while looking up IPv4 address for 'HOST': …",
      "Error while looking up IPv6 address for 'HOST': …",
    ],
  },
  {
    where: CLIENT_ERROR,
    level: "client-timeout",
    messages: ["Timed out while waiting for handshake", "Keepalive timeout"],
  },
  {
    where: CLIENT_ERROR,
    level: "handshake",
    messages: [
      "Host denied (verification failed)",
      "Handshake failed: no matching key exchange algorithm",
      "Handshake failed: no matching host key format",
      "Handshake failed: no matching C->S cipher",
      "Handshake failed: no matching C->S MAC",
      "Handshake failed: signature verification failed",
    ],
  },
  {
    where: CLIENT_ERROR,
    level: "protocol",
    messages: ["Connection lost before handshake"],
  },
  {
    where: CLIENT_ERROR,
    level: "protocol",
    differs: "invalid messages",
    messages: [
      "Invalid identification string",
      "Max greeting lines exceeded",
      "Header line too long",
      "Bad packet length",
      "Invalid MAC",
    ],
  },
  {
    where: CLIENT_ERROR,
    level: "agent",
    messages: ["Failed to connect to agent", "No reply from server", "Agent responded with failure"],
  },
  {
    where: CLIENT_ERROR,
    number: "`code`: reason of the disconnect (RFC 4253 §11.1)",
    messages: [
      "the server's text, if it sends one",
      "PROTOCOL_ERROR",
      "TOO_MANY_CONNECTIONS",
      "Unexpected disconnection reason: NUMBER",
    ],
  },
  { where: "methods of `Client` throw", messages: ["Not connected"] },
  {
    where: CLIENT_METHODS,
    messages: [
      "No response from server",
      "Unable to exec",
      "Unable to open shell",
      "Unable to start subsystem: NAME",
      "Unable to request a pseudo-terminal",
      "Unable to request X11",
      "Unable to request agent forwarding",
      "Unable to bind to ADDRESS:PORT",
      "Unable to unbind from ADDRESS:PORT",
      "Unable to bind to PATH",
      "Unable to unbind from PATH",
      "Unable to disable future sessions",
      "strictVendor enabled and server is not OpenSSH or compatible version",
    ],
  },
  {
    where: CLIENT_METHODS,
    number: "`reason`: RFC 4254 §5.1",
    messages: ["(SSH) Channel open failure: …"],
  },
  { where: "methods of a channel throw", messages: ["Invalid signal: NAME"] },
  { where: SFTP, code: 1, messages: ["End of file"] },
  { where: SFTP, code: 2, messages: ["No such file or directory"] },
  { where: SFTP, code: 3, messages: ["Permission denied"] },
  { where: SFTP, code: 4, messages: ["Failure"] },
  { where: SFTP, code: 8, messages: ["Operation unsupported"] },
  { where: SFTP, number: "`code`: status of the reply", messages: ["the server's text, if it sends one"] },
  { where: SFTP, messages: ["No response from server"] },
  { where: SFTP, code: 1, differs: "a file shorter than its size", messages: ["Unexpected end of file"] },
  {
    where: "methods of SFTP throw",
    messages: [
      "handle is not a Buffer",
      "buffer is not a Buffer",
      "offset is out of bounds",
      "length extends beyond buffer",
      "Unknown flags string: FLAGS",
      "Bad arguments",
      "Server does not support this extended request",
    ],
  },
  {
    where: "`error` of SFTP",
    level: "sftp-protocol",
    differs: "invalid SFTP replies",
    messages: ["…"],
  },
  {
    where: "`new Server` throws",
    messages: [
      "Missing configuration object",
      "hostKeys must be an array",
      "Cannot parse privateKey: …",
      "privateKey value contains an invalid private key",
    ],
  },
  {
    where: "`error` of a server's connection",
    level: "handshake",
    messages: ["Handshake failed: no matching key exchange algorithm"],
  },
  { where: "`error` of a server's connection", level: "socket", code: "ECONNRESET", messages: ["read ECONNRESET"] },
  {
    where: PARSE_KEY,
    messages: [
      "Unsupported key format",
      "Key data must be a Buffer or string",
      "Encrypted private OpenSSH key detected, but no passphrase given",
      "OpenSSH key integrity check failed -- bad passphrase?",
    ],
  },
  {
    where: "`utils.generateKeyPairSync` throws",
    messages: ["Key type must be a string", "Unsupported key type: NAME", "ECDSA bits must be 256, 384, or 521"],
  },
  {
    where: AGENTS,
    messages: ["Failed to connect to agent", "No reply from server", "Agent responded with failure"],
  },
];
