import { parseRevokedKeys } from "@nacre/keyfiles";
import { parsePublicKey } from "@nacre/keys/internal";
import { escapeText, SshError } from "@nacre/wire";
import type { HostKeyVerifier } from "nacre/extend";
import { fingerprint } from "../crypto/fingerprint.ts";
import { expandHome, inFile, readIfThere } from "./files.ts";

/**
 * Returns `verify` with a check before it that refuses keys in these lists (ssh_config(5), RevokedHostKeys). Rejects if a list is missing
 * or cannot be read (`file-unreadable`) or understood (`file-malformed`): it might name any key.
 */
export async function withoutRevoked(
  files: readonly string[],
  home: string | undefined,
  verify: HostKeyVerifier,
  fingerprintHash?: "sha256" | "md5",
): Promise<HostKeyVerifier> {
  const lists = await Promise.all(
    files.map(async (file) => {
      const bytes = await readIfThere(expandHome(file, home));
      // rule: revoked-list
      if (bytes === undefined)
        throw new SshError("file-unreadable", `cannot read the list of revoked keys ${escapeText(file)}: no such file`);
      try {
        return { file, keys: parseRevokedKeys(bytes) };
      } catch (cause) {
        throw inFile(file, cause);
      }
    }),
  );
  return (hostKey) => {
    const list = lists.find(({ keys }) => keys.isRevoked({ plainBlob: hostKey.blob }));
    // rule: revoked-key
    if (list !== undefined)
      throw new SshError(
        "host-key-revoked",
        `the host key ${parsePublicKey(hostKey.blob).format} ${fingerprint(hostKey.blob, fingerprintHash)} is revoked in ${escapeText(list.file)}; do not connect until the administrator explains the reason`,
      );
    return verify(hostKey);
  };
}
