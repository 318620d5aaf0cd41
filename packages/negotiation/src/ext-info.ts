import { type Extension, Reader, utf8Encode, Writer } from "@nacre/wire";

const SERVER_SIG_ALGS = "server-sig-algs";

/** The signature algorithms that a server takes for logins, as an extension (RFC 8308 §3.1). */
export function serverSigAlgsExtension(names: readonly string[]): Extension {
  return { name: SERVER_SIG_ALGS, value: utf8Encode(names.join(",")) };
}

/**
 * The signature algorithms that a server says it takes for logins, in its order (RFC 8308 §3.1); `undefined` when it
 * does not say. Throws `malformed-message` for a value that is no list of names.
 */
export function serverSigAlgs(extensions: readonly Extension[]): readonly string[] | undefined {
  const extension = extensions.find(({ name }) => name === SERVER_SIG_ALGS);
  if (extension === undefined) return undefined;
  // The value is the bare list, so it is given the length that makes a name-list of it.
  return new Reader(new Writer().string(extension.value).finish(), SERVER_SIG_ALGS).nameList("names");
}

/** OpenSSH PROTOCOL §1.11: a peer that announces this answers SSH_MSG_PING. */
export const PING_EXTENSION: Extension = { name: "ping@openssh.com", value: utf8Encode("0") };
