import { equalBytes, SshError, utf8Encode } from "@nacre/wire";
import type { HostKeyVerifier } from "./options.ts";

/**
 * Accepts the host keys with these fingerprints (`"SHA256:…"`, as `ssh-keygen -l` prints them) and no other.
 * Throws `usage` if one is no SHA-256 fingerprint.
 */
export function pinnedHostKey(...fingerprints: readonly string[]): HostKeyVerifier {
  for (const fingerprint of fingerprints) {
    if (!/^SHA256:[A-Za-z0-9+/]{43}$/.test(fingerprint)) {
      throw new SshError(
        "usage",
        // Much longer than one, it is something else: a key, perhaps, which is not to be shown.
        `${fingerprint?.length > 100 ? "this" : `"${fingerprint}"`} is no fingerprint: it should look like SHA256:… as ssh-keygen -l prints it`,
      );
    }
  }
  const pinned = fingerprints.map(utf8Encode);
  return ({ fingerprint }) => {
    const presented = utf8Encode(fingerprint);
    if (pinned.some((one) => equalBytes(one, presented))) return true;
    throw new SshError(
      "host-key-refused",
      `the server's host key ${fingerprint} is not the one expected (${fingerprints.join(", ")}): either it was changed, or this is another server`,
    );
  };
}
