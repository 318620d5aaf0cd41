import { type PublicKey, parsePublicKey } from "@nacre/keys/internal";
import { Reader, SshError, Writer } from "@nacre/wire";

// What is said to an SSH agent, and what it answers (draft-ietf-sshm-ssh-agent). Errors are `agent-failed`, and say what is wrong.

const SSH_AGENT_FAILURE = 5;
const SSH_AGENTC_REQUEST_IDENTITIES = 11;
const SSH_AGENT_IDENTITIES_ANSWER = 12;
const SSH_AGENTC_SIGN_REQUEST = 13;
const SSH_AGENT_SIGN_RESPONSE = 14;

/** Which hash an RSA key is to sign with: flags of SSH_AGENTC_SIGN_REQUEST. */
const RSA_FLAGS: Readonly<Record<string, number>> = { "rsa-sha2-256": 2, "rsa-sha2-512": 4 };

/** Bytes of a message, either way, at most: what OpenSSH allows. */
export const MAX_AGENT_MESSAGE: number = 256 * 1024;

/** A key that an agent holds. */
export interface AgentKey {
  readonly publicKey: PublicKey;
  /** Written by anybody: escape it before showing it. */
  readonly comment: string;
}

/**
 * The one answer in what an agent has sent so far, without its length; `undefined` until it is whole. Throws for a length that cannot
 * be, and for more bytes than one answer.
 */
export function answerIn(received: Uint8Array): Uint8Array | undefined {
  if (received.length < 4) return undefined;
  const length = new Reader(received, "agent").uint32("length");
  if (length === 0 || /* rule: agent-length */ length > MAX_AGENT_MESSAGE)
    throw new SshError(
      "agent-failed",
      `it sends a message of ${length} bytes, where 1 to ${MAX_AGENT_MESSAGE} are allowed`,
    );
  if (received.length > 4 + length) throw new SshError("agent-failed", "it sends more than was asked for");
  return received.length < 4 + length ? undefined : received.slice(4);
}

/** Asks for the keys. */
export function identitiesRequest(): Uint8Array {
  return new Writer().byte(SSH_AGENTC_REQUEST_IDENTITIES).finish();
}

/** The answer to {@link identitiesRequest}, without the keys that are not supported. */
export function readIdentities(answer: Uint8Array): AgentKey[] {
  const reader = new Reader(answer, "SSH_AGENT_IDENTITIES_ANSWER", { code: "agent-failed" });
  const type = reader.byte("type");
  if (type === SSH_AGENT_FAILURE) throw new SshError("agent-failed", "it does not tell its keys; is it locked?");
  if (type !== SSH_AGENT_IDENTITIES_ANSWER) reader.fail("type", `is ${type}`);
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

/** An agent may hold keys that this build has no use for: security keys, certificates, small RSA keys. */
function supportedKey(blob: Uint8Array): PublicKey | undefined {
  try {
    return parsePublicKey(blob);
  } catch {
    return undefined;
  }
}

/** Asks for a signature with the algorithm of that name. */
export function signRequest(publicKey: PublicKey, algorithm: string, data: Uint8Array): Uint8Array {
  return new Writer(data.length + 1024)
    .byte(SSH_AGENTC_SIGN_REQUEST)
    .string(publicKey.blob)
    .string(data)
    .uint32(RSA_FLAGS[algorithm] ?? 0)
    .finish();
}

/** The answer to {@link signRequest}: a signature blob, or `undefined` when the agent refuses. */
export function readSignature(answer: Uint8Array): Uint8Array | undefined {
  const reader = new Reader(answer, "SSH_AGENT_SIGN_RESPONSE", { code: "agent-failed" });
  const type = reader.byte("type");
  if (type === SSH_AGENT_FAILURE) return undefined;
  if (type !== SSH_AGENT_SIGN_RESPONSE) reader.fail("type", `is ${type}`);
  const signature = reader.string("signature");
  reader.end();
  return signature;
}
