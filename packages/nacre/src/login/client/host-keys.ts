import { SshError } from "@nacre/wire";
import { usage } from "../../check.ts";
import type { HostKeyVerifier, PresentedHostKey } from "./options.ts";

/**
 * Returns the function that decides about a host key: `hostKey` itself, or one that accepts only keys with these fingerprints. Throws
 * `usage` for another value.
 */
export function hostKeyVerifier(hostKey: HostKeyVerifier | string | readonly string[]): HostKeyVerifier {
  if (typeof hostKey === "function") return hostKey;
  const fingerprints = [hostKey].flat();
  if (fingerprints.length === 0 || !fingerprints.every(isFingerprint))
    throw usage(
      // The value is not shown: it may be a key.
      '`hostKey` must be one or several fingerprints (SHA256:…, of `ssh-keygen -l`), a function, or with known_hosts "accept-new"',
    );
  return ({ fingerprint }) => {
    if (fingerprints.includes(fingerprint)) return true;
    throw new SshError(
      "host-key-refused",
      `the host key ${fingerprint} does not match the pinned ${fingerprints.join(", ")}; the key has changed, or this is a different server`,
    );
  };
}

function isFingerprint(value: unknown): boolean {
  return typeof value === "string" && /^SHA256:[A-Za-z0-9+/]{43}$/.test(value);
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
  return hostKeyVerifier(hostKey);
}
