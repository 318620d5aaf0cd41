import { parseAddress } from "@nacre/keyfiles/internal";
import { type Bytes, concatBytes, copyBytes, cutText, escapeText, SshError } from "@nacre/wire";

/** A host that a proxy is asked to connect to. */
export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

/** The step after one byte of a proxy's answers. */
export type AnswerStep =
  /** The answer is incomplete, or the proxy waits for `send`. */
  | { readonly type: "more"; readonly send?: Bytes }
  /** The next byte is the target's. */
  | { readonly type: "connected" }
  /** `reason` has no text of the proxy that is not escaped, and no password. */
  | { readonly type: "refused"; readonly reason: string };

/** The client's side of one handshake with a proxy, without IO. */
export interface ProxyDialogue {
  /** The bytes to send first. */
  readonly hello: Bytes;
  /** Takes the proxy's next byte. Not called after "connected" or "refused". Stores a bounded number of bytes. */
  take(byte: number): AnswerStep;
}

export const MORE: AnswerStep = { type: "more" };

/** Returns the step that ends a handshake. */
export function refused(reason: string): AnswerStep {
  return { type: "refused", reason };
}

/** The step after some bytes. Always send `send` first, which is often empty. */
export type ChunkStep = { readonly send: Bytes } & (
  | { readonly type: "more" }
  /** `rest` is a copy of the bytes after the answer: the target's first. */
  | { readonly type: "connected"; readonly rest: Bytes }
  | { readonly type: "refused"; readonly reason: string }
);

/** Takes a proxy's next bytes, split anywhere. Does not keep or change them. */
export function takeChunk(dialogue: ProxyDialogue, bytes: Uint8Array): ChunkStep {
  let send: Bytes = new Uint8Array(0);
  for (const [index, byte] of bytes.entries()) {
    const step = dialogue.take(byte);
    if (step.type === "refused") return { ...step, send };
    if (step.type === "connected")
      return { ...step, send, rest: /* rule: proxy-rest */ copyBytes(bytes.subarray(index + 1)) };
    if (step.send !== undefined) send = concatBytes(send, step.send);
  }
  return { type: "more", send };
}

/** Returns text of a proxy for a message, without control characters and cut to 200 characters. */
export function proxyText(text: string): string {
  return escapeText(cutText(text, 200));
}

/** Characters of a host name: those of RFC 3986 §3.2.2 without percent-encoding. */
const NAME = /^[A-Za-z0-9._~!$&'()*+,;=-]{1,255}$/;

/** Returns the target. Throws `usage` for a host that cannot be sent to a proxy: it would end the line of a request, for example. */
export function checkedTarget(target: ProxyTarget): ProxyTarget {
  // rule: proxy-target
  if (!NAME.test(target.host) && parseAddress(target.host) === undefined)
    throw new SshError(
      "usage",
      "a host behind a `proxy` must be an IP address without a zone, or a name of ASCII letters, digits and hyphens; write other names in ASCII (xn--…)",
    );
  return target;
}
