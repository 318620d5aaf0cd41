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

/**
 * Returns what an option decides about host keys by itself: a function, or pinned fingerprints. `undefined` for `undefined` and `"accept-new"`,
 * which leave the decision to known hosts. Throws `usage` for anything else.
 */
export function explicitHostKey(
  hostKey: HostKeyVerifier | string | readonly string[] | undefined,
): HostKeyVerifier | undefined {
  if (hostKey === undefined || hostKey === "accept-new") return undefined;
  if (typeof hostKey === "function") return hostKey;
  const fingerprints: unknown = typeof hostKey === "string" ? [hostKey] : hostKey;
  if (!isTexts(fingerprints) || fingerprints.length === 0)
    throw new SshError(
      "usage",
      'hostKey must be "accept-new", a fingerprint or several ("SHA256:…"), or a function that decides',
    );
  return pinnedHostKey(...fingerprints);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}
