import { type PublicKey, parsePublicKey } from "@nacre/keys/internal";
import { Reader, SshError, Writer } from "@nacre/wire";

// Requests to an SSH agent and its responses (draft-ietf-sshm-ssh-agent). Errors are `agent-failed`; the message names the problem.

const SSH_AGENT_FAILURE = 5;
const SSH_AGENTC_REQUEST_IDENTITIES = 11;
const SSH_AGENT_IDENTITIES_ANSWER = 12;
const SSH_AGENTC_SIGN_REQUEST = 13;
const SSH_AGENT_SIGN_RESPONSE = 14;

/** SSH_AGENTC_SIGN_REQUEST flags that select the hash for an RSA key. */
const RSA_FLAGS: Readonly<Record<string, number>> = { "rsa-sha2-256": 2, "rsa-sha2-512": 4 };

/** Maximum length of a request or response in bytes, as in OpenSSH. */
export const MAX_AGENT_MESSAGE: number = 256 * 1024;

/** A key held by an agent. */
export interface AgentKey {
  readonly publicKey: PublicKey;
  /** Untrusted text: escape it before displaying it. */
  readonly comment: string;
}

/**
 * Returns the response in the bytes received so far, without its length field, or `undefined` while it is incomplete. Throws `agent-failed`
 * for an invalid length and for bytes after the response.
 */
export function answerIn(received: Uint8Array): Uint8Array | undefined {
  if (received.length < 4) return undefined;
  const length = new Reader(received, "agent").uint32("length");
  if (length === 0 || /* rule: agent-length */ length > MAX_AGENT_MESSAGE)
    throw new SshError("agent-failed", `expected a response of 1 to ${MAX_AGENT_MESSAGE} bytes, got ${length}`);
  if (received.length > 4 + length) throw new SshError("agent-failed", "unexpected data after the response");
  return received.length < 4 + length ? undefined : received.slice(4);
}

/** Returns a request for the list of keys. */
export function identitiesRequest(): Uint8Array {
  return new Writer().byte(SSH_AGENTC_REQUEST_IDENTITIES).finish();
}

/** Returns the keys in the response to {@link identitiesRequest}, without the unsupported ones. */
export function readIdentities(answer: Uint8Array): AgentKey[] {
  const reader = new Reader(answer, "SSH_AGENT_IDENTITIES_ANSWER", { code: "agent-failed" });
  const type = reader.byte("type");
  if (type === SSH_AGENT_FAILURE)
    throw new SshError("agent-failed", "it refused to list its keys; if it is locked, unlock it with `ssh-add -X`");
  if (type !== SSH_AGENT_IDENTITIES_ANSWER) reader.fail("type", `is ${type}, expected ${SSH_AGENT_IDENTITIES_ANSWER}`);
  const count = reader.uint32("number of keys");
  const keys: AgentKey[] = [];
  for (let i = 0; i < count; i++) {
    const blob = reader.string(`key blob ${i}`);
    const comment = reader.text(`comment ${i}`);
    const publicKey = supportedKey(blob);
    if (publicKey !== undefined) keys.push({ publicKey, comment });
  }
  reader.end();
  return keys;
}

/** Returns `undefined` for keys that this library does not support: security keys, certificates, small RSA keys. */
function supportedKey(blob: Uint8Array): PublicKey | undefined {
  try {
    return parsePublicKey(blob);
  } catch {
    return undefined;
  }
}

/** Returns a request for a signature with the named algorithm. */
export function signRequest(publicKey: PublicKey, algorithm: string, data: Uint8Array): Uint8Array {
  return new Writer(data.length + 1024)
    .byte(SSH_AGENTC_SIGN_REQUEST)
    .string(publicKey.blob)
    .string(data)
    .uint32(RSA_FLAGS[algorithm] ?? 0)
    .finish();
}

/** Returns the signature blob in the response to {@link signRequest}, or `undefined` if the agent refused. */
export function readSignature(answer: Uint8Array): Uint8Array | undefined {
  const reader = new Reader(answer, "SSH_AGENT_SIGN_RESPONSE", { code: "agent-failed" });
  const type = reader.byte("type");
  if (type === SSH_AGENT_FAILURE) return undefined;
  if (type !== SSH_AGENT_SIGN_RESPONSE) reader.fail("type", `is ${type}, expected ${SSH_AGENT_SIGN_RESPONSE}`);
  const signature = reader.string("signature");
  reader.end();
  return signature;
}
