import { parseRevokedKeys } from "@nacre/keyfiles";
import { formatName } from "@nacre/keys/internal";
import { SshError, utf8Encode } from "@nacre/wire";
import type { HostKeyVerifier } from "nacre/extend";
import { fingerprint } from "../crypto/fingerprint.ts";
import { showPath } from "../windows/system.ts";
import { expandHome, inFile, readIfThere } from "./files.ts";

/**
 * Returns `verify` with a check before it that refuses keys, certificates and authorities in these lists (ssh_config(5), RevokedHostKeys).
 * Rejects if a list is missing or cannot be read (`file-unreadable`) or understood (`file-malformed`): it might name any key.
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
        throw new SshError("file-unreadable", `cannot read the list of revoked keys ${showPath(file)}: no such file`);
      try {
        return { file, keys: parseRevokedKeys(bytes) };
      } catch (cause) {
        throw inFile(file, cause);
      }
    }),
  );
  return (hostKey) => {
    const { blob, certificate } = hostKey;
    const list = lists.find(({ keys }) =>
      keys.isRevoked({
        plainBlob: blob,
        // rule: revoked-host-certificate
        certificate: certificate && {
          serial: certificate.serial,
          keyId: utf8Encode(certificate.keyId),
          authority: certificate.authority.blob,
        },
      }),
    );
    // rule: revoked-key
    if (list !== undefined)
      throw new SshError(
        "host-key-revoked",
        `the host key ${formatName(blob)} ${fingerprint(blob, fingerprintHash)}${certificate === undefined ? "" : ", or its certificate,"} is revoked in ${showPath(list.file)}; do not connect until the administrator explains the reason`,
      );
    return verify(hostKey);
  };
}
