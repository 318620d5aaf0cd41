/** Maximum length of a message in bytes, without its length field, as in OpenSSH. */
export const MAX_MESSAGE_LENGTH: number = 256 * 1024;

/** Maximum number of keys in an agent's answer, as in OpenSSH. */
export const MAX_IDENTITIES = 2048;

/** Maximum number of destination constraints of a key, as in OpenSSH. */
export const MAX_DESTINATIONS = 1024;

/** Maximum number of session binds of a connection, as in OpenSSH. */
export const MAX_BINDS = 16;

/** Maximum length of a session identifier in bytes, as in OpenSSH. */
export const MAX_SESSION_ID_LENGTH = 128;

/** Types of messages: the first byte of each (RFC 9987 §6.1). */
export const SSH_AGENT = {
  FAILURE: 5,
  SUCCESS: 6,
  REQUEST_IDENTITIES: 11,
  IDENTITIES_ANSWER: 12,
  SIGN_REQUEST: 13,
  SIGN_RESPONSE: 14,
  ADD_IDENTITY: 17,
  REMOVE_IDENTITY: 18,
  REMOVE_ALL_IDENTITIES: 19,
  ADD_SMARTCARD_KEY: 20,
  REMOVE_SMARTCARD_KEY: 21,
  LOCK: 22,
  UNLOCK: 23,
  ADD_ID_CONSTRAINED: 25,
  ADD_SMARTCARD_KEY_CONSTRAINED: 26,
  EXTENSION: 27,
  EXTENSION_FAILURE: 28,
  EXTENSION_RESPONSE: 29,
  /** Failures of the agents of the first SSH 2 implementations. Clients take them as FAILURE. */
  SSH2_FAILURE: 30,
  SSH_COM_FAILURE: 102,
} as const;

/** Flags of a signature request (RFC 9987 §3.6.1). */
export const SIGN_FLAGS = { RSA_SHA2_256: 2, RSA_SHA2_512: 4 } as const;

/** Extension that ties an agent connection to an SSH connection (OpenSSH PROTOCOL.agent §1). */
export const SESSION_BIND = "session-bind@openssh.com";

/** Extension that lists the others (RFC 9987 §3.8.1). */
export const QUERY = "query";
