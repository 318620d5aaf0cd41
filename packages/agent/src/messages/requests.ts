import { type Bytes, Reader, SshError, Writer } from "@nacre/wire";
import { SSH_AGENT } from "../constants.ts";
import { encodeConstraints, type KeyConstraints, readConstraints } from "./constraints.ts";
import { type AddedKey, readAddedKey, writeAddedKey } from "./keys.ts";

/** A request to an agent (RFC 9987 §3). */
export type AgentRequest =
  /** Asks for the keys that the agent holds. */
  | { readonly type: "list" }
  | SignRequest
  | AddRequest
  /** Removes a key. */
  | { readonly type: "remove"; readonly publicKey: Uint8Array }
  | { readonly type: "remove-all" }
  | SmartcardRequest
  /** Removes the keys of a smart card. */
  | { readonly type: "remove-smartcard"; readonly id: string; readonly pin: Uint8Array }
  | { readonly type: "lock" | "unlock"; readonly passphrase: Uint8Array }
  /** Any extension; `sessionBind` and `queryAnswer` encode those that Nacre knows. */
  | { readonly type: "extension"; readonly name: string; readonly data: Uint8Array };

/** Asks for a signature. */
export interface SignRequest {
  readonly type: "sign";
  /** Public key or certificate blob. */
  readonly publicKey: Uint8Array;
  readonly data: Uint8Array;
  /** See `SIGN_FLAGS`. */
  readonly flags: number;
}

/** Adds a key, or replaces its comment and constraints. */
export interface AddRequest {
  readonly type: "add";
  readonly key: AddedKey;
  /** Text for people: escape it before display. */
  readonly comment: string;
  readonly constraints: KeyConstraints;
}

/** Adds the keys of a smart card, by the path of a library. Nacre's agent refuses it. */
export interface SmartcardRequest {
  readonly type: "add-smartcard";
  readonly id: string;
  readonly pin: Uint8Array;
  readonly constraints: KeyConstraints;
}

/** Encodes a request without its length field. Throws `usage` for constraints that no agent accepts. */
export function encodeRequest(request: AgentRequest): Bytes {
  const writer = new Writer(512);
  switch (request.type) {
    case "list":
      return writer.byte(SSH_AGENT.REQUEST_IDENTITIES).finish();
    case "sign":
      writer.byte(SSH_AGENT.SIGN_REQUEST).string(request.publicKey).string(request.data).uint32(request.flags);
      return writer.finish();
    case "add": {
      const constraints = encodeConstraints(request.constraints);
      writer.byte(constraints.length > 0 ? SSH_AGENT.ADD_ID_CONSTRAINED : SSH_AGENT.ADD_IDENTITY);
      writeAddedKey(writer, request.key);
      return writer.string(request.comment).raw(constraints).finish();
    }
    case "remove":
      return writer.byte(SSH_AGENT.REMOVE_IDENTITY).string(request.publicKey).finish();
    case "remove-all":
      return writer.byte(SSH_AGENT.REMOVE_ALL_IDENTITIES).finish();
    case "add-smartcard": {
      const constraints = encodeConstraints(request.constraints);
      writer.byte(constraints.length > 0 ? SSH_AGENT.ADD_SMARTCARD_KEY_CONSTRAINED : SSH_AGENT.ADD_SMARTCARD_KEY);
      return writer.string(request.id).string(request.pin).raw(constraints).finish();
    }
    case "remove-smartcard":
      return writer.byte(SSH_AGENT.REMOVE_SMARTCARD_KEY).string(request.id).string(request.pin).finish();
    case "lock":
    case "unlock":
      writer.byte(request.type === "lock" ? SSH_AGENT.LOCK : SSH_AGENT.UNLOCK);
      return writer.string(request.passphrase).finish();
    case "extension":
      return writer.byte(SSH_AGENT.EXTENSION).string(request.name).raw(request.data).finish();
  }
}

/**
 * Decodes a request without its length field. Byte strings are views. Throws `malformed-message` for invalid fields and bytes left over,
 * `key-unsupported` for a key of an unknown format, and `unexpected-message` for any other type.
 */
export function decodeRequest(message: Uint8Array): AgentRequest {
  const reader = new Reader(message, "agent request");
  const request = readRequest(reader, reader.byte("type"));
  // rule: agent-request-end
  reader.end();
  return request;
}

function readRequest(reader: Reader, type: number): AgentRequest {
  switch (type) {
    case SSH_AGENT.REQUEST_IDENTITIES:
      return { type: "list" };
    case SSH_AGENT.SIGN_REQUEST:
      return {
        type: "sign",
        publicKey: reader.string("public key"),
        data: reader.string("data"),
        flags: reader.uint32("flags"),
      };
    case SSH_AGENT.ADD_IDENTITY:
    case SSH_AGENT.ADD_ID_CONSTRAINED: {
      const key = readAddedKey(reader);
      const comment = reader.text("comment", Infinity);
      return { type: "add", key, comment, constraints: type === SSH_AGENT.ADD_IDENTITY ? {} : readConstraints(reader) };
    }
    case SSH_AGENT.REMOVE_IDENTITY:
      return { type: "remove", publicKey: reader.string("public key") };
    case SSH_AGENT.REMOVE_ALL_IDENTITIES:
      return { type: "remove-all" };
    case SSH_AGENT.ADD_SMARTCARD_KEY:
    case SSH_AGENT.ADD_SMARTCARD_KEY_CONSTRAINED: {
      const id = reader.utf8("id");
      const pin = reader.string("PIN");
      const constraints = type === SSH_AGENT.ADD_SMARTCARD_KEY ? {} : readConstraints(reader);
      return { type: "add-smartcard", id, pin, constraints };
    }
    case SSH_AGENT.REMOVE_SMARTCARD_KEY:
      return { type: "remove-smartcard", id: reader.utf8("id"), pin: reader.string("PIN") };
    case SSH_AGENT.LOCK:
    case SSH_AGENT.UNLOCK:
      return { type: type === SSH_AGENT.LOCK ? "lock" : "unlock", passphrase: reader.string("passphrase") };
    case SSH_AGENT.EXTENSION:
      return { type: "extension", name: reader.name("extension"), data: reader.rest() };
    default:
      throw new SshError("unexpected-message", `an agent message of type ${type} is not a request`);
  }
}
