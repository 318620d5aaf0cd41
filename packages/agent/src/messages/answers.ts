import { type Bytes, Reader, SshError, Writer } from "@nacre/wire";
import { counted, type Field } from "@nacre/wire/fields";
import { MAX_IDENTITIES, SSH_AGENT } from "../constants.ts";

/** An answer of an agent (RFC 9987 §3). */
export type AgentAnswer =
  /** The agent refused, or does not know the request. */
  | { readonly type: "failure" }
  | { readonly type: "success" }
  | { readonly type: "identities"; readonly identities: readonly AgentIdentity[] }
  /** A signature blob, which names its algorithm. */
  | { readonly type: "signature"; readonly signature: Uint8Array }
  /** The agent knows the extension, but the request failed. */
  | { readonly type: "extension-failure" }
  /** Answer to an extension, which `name` repeats. */
  | { readonly type: "extension"; readonly name: string; readonly data: Uint8Array };

/** A key that an agent holds. */
export interface AgentIdentity {
  /** Public key or certificate blob, of any format. */
  readonly publicKey: Uint8Array;
  /** Untrusted text: escape it before display. */
  readonly comment: string;
}

const identity: Field<AgentIdentity> = {
  read: (reader, name) => ({ publicKey: reader.string(name), comment: reader.text(`${name} comment`, Infinity) }),
  write: (writer, { publicKey, comment }) => void writer.string(publicKey).string(comment),
};

/** Two length fields. */
const MIN_IDENTITY_LENGTH = 8;

const identities = counted(MIN_IDENTITY_LENGTH, identity);

/** Encodes an answer without its length field. */
export function encodeAnswer(answer: AgentAnswer): Bytes {
  const writer = new Writer();
  switch (answer.type) {
    case "failure":
      return writer.byte(SSH_AGENT.FAILURE).finish();
    case "success":
      return writer.byte(SSH_AGENT.SUCCESS).finish();
    case "identities":
      identities.write(writer.byte(SSH_AGENT.IDENTITIES_ANSWER), answer.identities);
      return writer.finish();
    case "signature":
      return writer.byte(SSH_AGENT.SIGN_RESPONSE).string(answer.signature).finish();
    case "extension-failure":
      return writer.byte(SSH_AGENT.EXTENSION_FAILURE).finish();
    case "extension":
      return writer.byte(SSH_AGENT.EXTENSION_RESPONSE).string(answer.name).raw(answer.data).finish();
  }
}

/**
 * Decodes an answer without its length field. Byte strings are views. Throws `malformed-message` for invalid fields, bytes left over and
 * more than 2,048 keys, and `unexpected-message` for any other type.
 */
export function decodeAnswer(message: Uint8Array): AgentAnswer {
  const reader = new Reader(message, "agent answer");
  const answer = readAnswer(reader, reader.byte("type"));
  // rule: agent-answer-end
  reader.end();
  return answer;
}

function readAnswer(reader: Reader, type: number): AgentAnswer {
  switch (type) {
    case SSH_AGENT.FAILURE:
    case SSH_AGENT.SSH2_FAILURE:
    case SSH_AGENT.SSH_COM_FAILURE:
      return { type: "failure" };
    case SSH_AGENT.SUCCESS:
      return { type: "success" };
    case SSH_AGENT.IDENTITIES_ANSWER: {
      const found = identities.read(reader, "identities");
      // rule: agent-identities
      if (found.length > MAX_IDENTITIES) reader.fail("identities", `are more than ${MAX_IDENTITIES}`);
      return { type: "identities", identities: found };
    }
    case SSH_AGENT.SIGN_RESPONSE:
      return { type: "signature", signature: reader.string("signature") };
    case SSH_AGENT.EXTENSION_FAILURE:
      return { type: "extension-failure" };
    case SSH_AGENT.EXTENSION_RESPONSE:
      return { type: "extension", name: reader.name("extension"), data: reader.rest() };
    default:
      throw new SshError("unexpected-message", `an agent message of type ${type} is not an answer`);
  }
}
