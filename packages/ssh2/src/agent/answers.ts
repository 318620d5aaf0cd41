import { decodeAnswer, SSH_AGENT } from "@nacre/agent";
import { Reader, SshError } from "@nacre/wire";
import { type ParsedKey, parseBlobKey } from "../keys/parse-key.ts";

/** An answer that the protocol does not allow. The connection to the agent ends with it. */
export class InvalidAnswer extends Error {}

/** Types of messages that refuse a request. */
const FAILURES: readonly number[] = [SSH_AGENT.FAILURE, SSH_AGENT.SSH2_FAILURE, SSH_AGENT.SSH_COM_FAILURE];
const ANSWERS: readonly number[] = [SSH_AGENT.IDENTITIES_ANSWER, SSH_AGENT.SIGN_RESPONSE];

/**
 * Returns the keys or the signature in the answer to a request of this type, and an error if the agent refuses. Throws
 * {@link InvalidAnswer} for any other message.
 */
export function readAnswer(requestType: number, message: Uint8Array): ParsedKey[] | Buffer | Error {
  const type = message[0]!;
  if (FAILURES.includes(type)) return new Error("Agent responded with failure");
  if (!ANSWERS.includes(type)) throw new InvalidAnswer("Agent responded with unsupported message type");
  if (type !== requestType + 1) throw new InvalidAnswer("Agent responded with wrong message type");
  const answer = within("Malformed agent response", () => decodeAnswer(message));
  if (answer.type === "signature") return signatureIn(answer.signature);
  return answer.type === "identities" ? answer.identities.flatMap(keyOf) : [];
}

/** Returns an agent's key; nothing for a type of key that is not supported. */
function keyOf({ publicKey, comment }: { readonly publicKey: Uint8Array; readonly comment: string }): ParsedKey[] {
  const key = parseBlobKey(publicKey);
  if (key instanceof Error) return [];
  key.comment = comment;
  return [key];
}

/** Returns a signature without the name of its algorithm: agents of applications do not have to write that. */
function signatureIn(blob: Uint8Array): Buffer {
  return within("Malformed OpenSSH signature format", () => {
    const reader = new Reader(blob, "signature");
    reader.string("algorithm");
    return Buffer.from(reader.string("signature"));
  });
}

function within<T>(text: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof SshError) throw new InvalidAnswer(text, { cause: error });
    throw error;
  }
}
