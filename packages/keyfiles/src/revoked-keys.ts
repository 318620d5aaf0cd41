import { SshError } from "@nacre/wire";
import { wholeBlobOfLine } from "./public-key-line.ts";

/** First bytes of a key revocation list (OpenSSH PROTOCOL.krl). */
const KRL_MAGIC = "SSHKRL\n\0";

/**
 * Parses a list of revoked keys, one public key in each line (ssh_config(5), RevokedHostKeys). Returns their blobs. Throws `file-malformed`
 * for any other line, and for a binary revocation list: a list that is not understood must refuse every key.
 */
export function parseRevokedKeys(text: string): readonly Uint8Array[] {
  if (text.startsWith(KRL_MAGIC))
    throw new SshError("file-malformed", "key revocation lists (KRL) are not supported; list the public keys instead");
  return text.split("\n").flatMap((line, index) => {
    const [format = "", base64 = ""] = line.replace(/^[ \t]+|[ \t\r]+$/g, "").split(/[ \t]+/);
    if (format === "" || format.startsWith("#")) return [];
    const blob = wholeBlobOfLine(format, base64);
    // rule: revoked-line
    if (typeof blob === "string") throw new SshError("file-malformed", `line ${index + 1}: the key ${blob}`);
    return [blob];
  });
}
