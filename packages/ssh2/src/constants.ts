import { TERMINAL_MODES } from "nacre/extend";
import { compressionNames, knownAlgorithms } from "./algorithms.ts";

/** Numbers of messages (RFC 4250 §4.1, RFC 8308, RFC 4419, RFC 5656). Those of key exchanges and logins depend on the method in use. */
export const MESSAGE = {
  DISCONNECT: 1,
  IGNORE: 2,
  UNIMPLEMENTED: 3,
  DEBUG: 4,
  SERVICE_REQUEST: 5,
  SERVICE_ACCEPT: 6,
  EXT_INFO: 7,
  KEXINIT: 20,
  NEWKEYS: 21,
  KEXDH_INIT: 30,
  KEXDH_REPLY: 31,
  KEXDH_GEX_GROUP: 31,
  KEXDH_GEX_INIT: 32,
  KEXDH_GEX_REPLY: 33,
  KEXDH_GEX_REQUEST: 34,
  KEXECDH_INIT: 30,
  KEXECDH_REPLY: 31,
  USERAUTH_REQUEST: 50,
  USERAUTH_FAILURE: 51,
  USERAUTH_SUCCESS: 52,
  USERAUTH_BANNER: 53,
  USERAUTH_PASSWD_CHANGEREQ: 60,
  USERAUTH_PK_OK: 60,
  USERAUTH_INFO_REQUEST: 60,
  USERAUTH_INFO_RESPONSE: 61,
  GLOBAL_REQUEST: 80,
  REQUEST_SUCCESS: 81,
  REQUEST_FAILURE: 82,
  CHANNEL_OPEN: 90,
  CHANNEL_OPEN_CONFIRMATION: 91,
  CHANNEL_OPEN_FAILURE: 92,
  CHANNEL_WINDOW_ADJUST: 93,
  CHANNEL_DATA: 94,
  CHANNEL_EXTENDED_DATA: 95,
  CHANNEL_EOF: 96,
  CHANNEL_CLOSE: 97,
  CHANNEL_REQUEST: 98,
  CHANNEL_SUCCESS: 99,
  CHANNEL_FAILURE: 100,
} as const;

/** Reasons of SSH_MSG_DISCONNECT (RFC 4250 §4.2.2). */
export const DISCONNECT_REASON = {
  HOST_NOT_ALLOWED_TO_CONNECT: 1,
  PROTOCOL_ERROR: 2,
  KEY_EXCHANGE_FAILED: 3,
  RESERVED: 4,
  MAC_ERROR: 5,
  COMPRESSION_ERROR: 6,
  SERVICE_NOT_AVAILABLE: 7,
  PROTOCOL_VERSION_NOT_SUPPORTED: 8,
  HOST_KEY_NOT_VERIFIABLE: 9,
  CONNECTION_LOST: 10,
  BY_APPLICATION: 11,
  TOO_MANY_CONNECTIONS: 12,
  AUTH_CANCELED_BY_USER: 13,
  NO_MORE_AUTH_METHODS_AVAILABLE: 14,
  ILLEGAL_USER_NAME: 15,
} as const;

/** Names of {@link DISCONNECT_REASON} by number. */
export const DISCONNECT_REASON_BY_VALUE: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(DISCONNECT_REASON).map(([name, value]) => [value, name]),
);

/** Reasons of SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254 §5.1). */
export const CHANNEL_OPEN_FAILURE = {
  ADMINISTRATIVELY_PROHIBITED: 1,
  CONNECT_FAILED: 2,
  UNKNOWN_CHANNEL_TYPE: 3,
  RESOURCE_SHORTAGE: 4,
} as const;

// ssh2 lacks the newest one (RFC 8160).
const { IUTF8: _newest, ...MODES_OF_SSH2 } = TERMINAL_MODES;

/** Opcodes of terminal modes (RFC 4254 §8). */
export const TERMINAL_MODE: Omit<typeof TERMINAL_MODES, "IUTF8"> & { readonly TTY_OP_END: 0 } = {
  TTY_OP_END: 0,
  ...MODES_OF_SSH2,
};

/** Types of extended data (RFC 4254 §5.2). */
export const CHANNEL_EXTENDED_DATATYPE = { STDERR: 1 } as const;

/** Names of signals (RFC 4254 §6.10), each with 1. */
export const SIGNALS: Readonly<Record<string, 1>> = Object.fromEntries(
  ["ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "QUIT", "SEGV", "TERM", "USR1", "USR2", "KILL", "PIPE"].map((name) => [
    name,
    1,
  ]),
);

/** ssh2's flags for faults of old servers. Nacre needs none of them: the numbers are for programs that name them. */
export const COMPAT = {
  BAD_DHGEX: 1,
  OLD_EXIT: 2,
  DYN_RPORT_BUG: 4,
  BUG_DHGEX_LARGE: 8,
  IMPLY_RSA_SHA2_SIGALGS: 16,
} as const;

/** Software versions with the flags of {@link COMPAT} that apply to them: none. */
export const COMPAT_CHECKS: readonly (readonly [string | RegExp, number])[] = [];

/** Names of algorithms that a client of this package supports, and of those that it offers by default, preferred first. */
export interface AlgorithmConstants {
  readonly DEFAULT_KEX: string[];
  readonly SUPPORTED_KEX: string[];
  readonly DEFAULT_SERVER_HOST_KEY: string[];
  readonly SUPPORTED_SERVER_HOST_KEY: string[];
  readonly DEFAULT_CIPHER: string[];
  readonly SUPPORTED_CIPHER: string[];
  readonly DEFAULT_MAC: string[];
  readonly SUPPORTED_MAC: string[];
  readonly DEFAULT_COMPRESSION: string[];
  readonly SUPPORTED_COMPRESSION: string[];
}

/** Returns the lists of algorithms, which programs may change without an effect. */
export function algorithmConstants(): AlgorithmConstants {
  const { kex, hostKeys, ciphers, macs } = knownAlgorithms("client");
  return {
    DEFAULT_KEX: offered(kex),
    SUPPORTED_KEX: supported(kex),
    DEFAULT_SERVER_HOST_KEY: offered(hostKeys),
    SUPPORTED_SERVER_HOST_KEY: supported(hostKeys),
    DEFAULT_CIPHER: offered(ciphers),
    SUPPORTED_CIPHER: supported(ciphers),
    DEFAULT_MAC: offered(macs),
    SUPPORTED_MAC: supported(macs),
    DEFAULT_COMPRESSION: [...compressionNames],
    SUPPORTED_COMPRESSION: [...compressionNames],
  };
}

interface Known {
  readonly name: string;
  readonly standing: string;
  readonly algorithm: unknown;
}

function supported(known: readonly Known[]): string[] {
  return known.flatMap(({ name, algorithm }) => (algorithm === undefined ? [] : [name]));
}

function offered(known: readonly Known[]): string[] {
  return supported(known.filter(({ standing }) => standing === "default"));
}

/** Returns what `lib/protocol/constants` exports. The lists of algorithms take a look at `node:crypto`, which not every program needs. */
export function constants(): Readonly<Record<string, unknown>> {
  return {
    MESSAGE,
    DISCONNECT_REASON,
    DISCONNECT_REASON_BY_VALUE,
    DISCONNECT_REASON_STR: undefined,
    CHANNEL_OPEN_FAILURE,
    TERMINAL_MODE,
    CHANNEL_EXTENDED_DATATYPE,
    SIGNALS,
    COMPAT,
    COMPAT_CHECKS,
    curve25519Supported: true,
    eddsaSupported: true,
    ...algorithmConstants(),
  };
}
