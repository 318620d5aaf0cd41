import { type Extension, Reader, utf8Encode, Writer } from "@nacre/wire";

const SERVER_SIG_ALGS = "server-sig-algs";

/** Creates the extension that lists the signature algorithms a server accepts for logins (RFC 8308 §3.1). */
export function serverSigAlgsExtension(names: readonly string[]): Extension {
  return { name: SERVER_SIG_ALGS, value: utf8Encode(names.join(",")) };
}

/**
 * Returns the signature algorithms that a server accepts for logins, in its order; `undefined` if the extension is missing. Throws
 * `malformed-message` if its value is not a valid name-list (RFC 8308 §3.1).
 */
export function serverSigAlgs(extensions: readonly Extension[]): readonly string[] | undefined {
  const extension = extensions.find(({ name }) => name === SERVER_SIG_ALGS);
  if (extension === undefined) return undefined;
  // The value has no length field of its own. Adding one makes it a name-list.
  return new Reader(new Writer().string(extension.value).finish(), SERVER_SIG_ALGS).nameList("names");
}

/** Extension of a peer that replies to SSH_MSG_PING (OpenSSH PROTOCOL §1.11). */
export const PING_EXTENSION: Extension = { name: "ping@openssh.com", value: utf8Encode("0") };
