import { SshError } from "@nacre/wire";
import type { HostKeyVerifier, PresentedHostKey } from "./options.ts";

/**
 * Returns a verifier that accepts only host keys with these fingerprints: `"SHA256:…"`, as `ssh-keygen -l` prints them. Throws `usage` for
 * an invalid SHA-256 fingerprint.
 */
export function pinnedHostKey(...fingerprints: readonly string[]): HostKeyVerifier {
  for (const fingerprint of fingerprints) {
    if (!/^SHA256:[A-Za-z0-9+/]{43}$/.test(fingerprint)) {
      throw new SshError(
        "usage",
        // Omit long texts from the message: they may be keys.
        `invalid fingerprint${fingerprint?.length > 100 ? "" : ` "${fingerprint}"`}; expected SHA256: and 43 base64 characters, as printed by \`ssh-keygen -l\``,
      );
    }
  }
  return ({ fingerprint }) => {
    if (fingerprints.includes(fingerprint)) return true;
    throw new SshError(
      "host-key-refused",
      `the host key ${fingerprint} does not match the pinned ${fingerprints.join(", ")}; the key has changed, or this is a different server`,
    );
  };
}

/** How to verify the key of a host by name: a function, `"accept-new"`, or one or more fingerprints. */
export type HostKeyOption =
  | ((hostKey: PresentedHostKey) => boolean | "restricted" | Promise<boolean | "restricted">)
  | string
  | readonly string[]
  | undefined;

/**
 * Returns the verifier for a host-key option: a function, which also gets the host and port, or pinned fingerprints. Returns `undefined`
 * for `undefined` and `"accept-new"`, which use known hosts. Throws `usage` for other values.
 */
export function explicitHostKey(
  hostKey: HostKeyOption,
  { host, port = 22 }: { readonly host: string; readonly port?: number | undefined },
): HostKeyVerifier | undefined {
  if (hostKey === undefined || hostKey === "accept-new") return undefined;
  if (typeof hostKey === "function") return (presented) => hostKey({ ...presented, host, port });
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
