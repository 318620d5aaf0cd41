import { PING_EXTENSION, serverSigAlgsExtension } from "@nacre/negotiation";
import { type Bytes, SSH_MSG_EXT_INFO } from "@nacre/wire";
import type { TransportOptions } from "./options.ts";

/**
 * Encodes the SSH_MSG_EXT_INFO that a server sends right after its first NEWKEYS: the signature algorithms that it accepts for
 * authentication, that it answers pings, and its other extensions (RFC 8308 §3.1).
 */
export function serverExtInfo({
  serverSigAlgs,
  extensions = [],
}: Pick<TransportOptions, "serverSigAlgs" | "extensions">): Bytes {
  const algorithms = serverSigAlgs === undefined ? [] : [serverSigAlgsExtension(serverSigAlgs)];
  return SSH_MSG_EXT_INFO.encode({ extensions: [...algorithms, PING_EXTENSION, ...extensions] });
}
