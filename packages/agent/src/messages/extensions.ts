import { type Bytes, Reader, type Structure, structure, Writer } from "@nacre/wire";
import { boolean, string } from "@nacre/wire/fields";

/** Fields of session-bind@openssh.com: ties an agent connection to an SSH connection (OpenSSH PROTOCOL.agent §1). */
export interface SessionBind {
  /** Blob of the server's host key. */
  readonly hostKey: Uint8Array;
  /** Session identifier: the exchange hash of the first key exchange. */
  readonly sessionId: Uint8Array;
  /** Signature blob by the host key over the session identifier, as the server sent it in the first key exchange. */
  readonly signature: Uint8Array;
  /** Whether the agent is forwarded to the server. False to log in there. */
  readonly isForwarding: boolean;
}

/** Codec for the data of a session-bind@openssh.com request. */
export const sessionBind: Structure<SessionBind> = structure("session-bind@openssh.com", {
  hostKey: string,
  sessionId: string,
  signature: string,
  isForwarding: boolean,
});

/** Codec for the data of the answer to "query": the names of extensions (RFC 9987 §3.8.1). */
export const queryAnswer: Structure<readonly string[]> = {
  name: "query answer",
  encode(names): Bytes {
    const writer = new Writer();
    for (const name of names) writer.string(name);
    return writer.finish();
  },
  decode(bytes) {
    const reader = new Reader(bytes, "query answer");
    const names: string[] = [];
    while (reader.remaining > 0) names.push(reader.name("extension"));
    return names;
  },
};
