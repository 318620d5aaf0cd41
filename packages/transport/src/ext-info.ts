import { PING_EXTENSION, serverSigAlgsExtension } from "@nacre/negotiation";
import { type Bytes, SSH_MSG_EXT_INFO } from "@nacre/wire";

/**
 * Encodes the SSH_MSG_EXT_INFO that a server sends right after its first NEWKEYS: the signature algorithms that it accepts for
 * authentication, and that it answers pings (RFC 8308 §3.1).
 */
export function serverExtInfo(serverSigAlgs: readonly string[] | undefined): Bytes {
  const algorithms = serverSigAlgs === undefined ? [] : [serverSigAlgsExtension(serverSigAlgs)];
  return SSH_MSG_EXT_INFO.encode({ extensions: [...algorithms, PING_EXTENSION] });
}
