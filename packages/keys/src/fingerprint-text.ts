import { base64Encode, toHex } from "@nacre/wire";

/** Formats the hash of a public key blob as `ssh-keygen -l` prints it. */
export function formatFingerprint(hash: "SHA256" | "MD5", digest: Uint8Array): string {
  if (hash === "SHA256") return `SHA256:${base64Encode(digest).replaceAll("=", "")}`;
  return `MD5:${toHex(digest).replaceAll(/..(?=.)/g, "$&:")}`;
}
