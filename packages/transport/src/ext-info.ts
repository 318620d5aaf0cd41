import { PING_EXTENSION, serverSigAlgsExtension } from "@nacre/negotiation";
import { type Bytes, type Extension, SSH_MSG_EXT_INFO, SshError } from "@nacre/wire";

/**
 * Encodes the SSH_MSG_EXT_INFO that a server sends right after its first NEWKEYS: the signature algorithms that it accepts for
 * authentication, and that it answers pings (RFC 8308 §3.1).
 */
export function serverExtInfo(serverSigAlgs: readonly string[] | undefined): Bytes {
  const algorithms = serverSigAlgs === undefined ? [] : [serverSigAlgsExtension(serverSigAlgs)];
  return SSH_MSG_EXT_INFO.encode({ extensions: [...algorithms, PING_EXTENSION] });
}

/** Decodes a copy of the peer's extensions. Throws `malformed-message`, also for more than `maxExtensions`. */
export function readExtInfo(payload: Uint8Array, maxExtensions: number): readonly Extension[] {
  const { extensions } = SSH_MSG_EXT_INFO.decode(payload.slice());
  // rule: ext-info-count
  if (extensions.length <= maxExtensions) return extensions;
  throw new SshError(
    "malformed-message",
    `SSH_MSG_EXT_INFO has ${extensions.length} extensions, but the maximum is ${maxExtensions}`,
  );
}
