import { Reader, SSH_MSG_USERAUTH_REQUEST, SshError } from "@nacre/wire";

/** A login that a client asks an agent to sign. */
export interface LoginRequest {
  readonly sessionId: Uint8Array;
  readonly userName: string;
  /** Public key blob in the request. */
  readonly publicKey: Uint8Array;
  /** Host key in a host-bound request (OpenSSH PROTOCOL §3.1). */
  readonly hostKey: Uint8Array | undefined;
}

/**
 * Maximum length of a user name in characters. Longer ones are not read as a login: matching one with a pattern takes time that grows with
 * its length.
 */
const MAX_USER_LENGTH = 1024;

/** Reads the data that a "publickey" login signs (RFC 4252 §7), plain or host-bound. Returns `undefined` for anything else. */
export function readLoginRequest(data: Uint8Array): LoginRequest | undefined {
  try {
    const reader = new Reader(data, "login request");
    const sessionId = reader.string("session identifier");
    const type = reader.byte("message number");
    const userName = reader.utf8("user name");
    const service = reader.name("service");
    const method = reader.name("method");
    const hasSignature = reader.byte("has signature");
    reader.name("algorithm");
    const publicKey = reader.string("public key");
    const isHostBound = method === "publickey-hostbound-v00@openssh.com";
    const hostKey = isHostBound ? reader.string("host key") : undefined;
    reader.end();
    const isLogin =
      /* rule: agent-login-message */ type === SSH_MSG_USERAUTH_REQUEST.number &&
      /* rule: agent-login-service */ service === "ssh-connection" &&
      /* rule: agent-login-method */ (isHostBound || method === "publickey") &&
      /* rule: agent-login-signed */ hasSignature === 1 &&
      /* rule: agent-login-user-length */ userName.length <= MAX_USER_LENGTH;
    return isLogin ? { sessionId, userName, publicKey, hostKey } : undefined;
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    return undefined;
  }
}
