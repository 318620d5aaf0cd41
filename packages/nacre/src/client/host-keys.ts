import { equalBytes, SshError, utf8Encode } from "@nacre/wire";
import type { HostKeyVerifier } from "./options.ts";

/**
 * Returns a verifier that accepts only host keys with these fingerprints: `"SHA256:…"`, as `ssh-keygen -l` prints them. Throws `usage` for
 * an invalid SHA-256 fingerprint.
 */
export function pinnedHostKey(...fingerprints: readonly string[]): HostKeyVerifier {
  for (const fingerprint of fingerprints) {
    if (!/^SHA256:[A-Za-z0-9+/]{43}$/.test(fingerprint)) {
      throw new SshError(
        "usage",
        // Do not show a text this long: it may be a key.
        `invalid fingerprint${fingerprint?.length > 100 ? "" : ` "${fingerprint}"`}; expected SHA256: and 43 base64 characters, as printed by \`ssh-keygen -l\``,
      );
    }
  }
  const pinned = fingerprints.map(utf8Encode);
  return ({ fingerprint }) => {
    const presented = utf8Encode(fingerprint);
    if (pinned.some((one) => equalBytes(one, presented))) return true;
    throw new SshError(
      "host-key-refused",
      `the host key ${fingerprint} does not match the pinned ${fingerprints.join(", ")}; the key has changed, or this is a different server`,
    );
  };
}
