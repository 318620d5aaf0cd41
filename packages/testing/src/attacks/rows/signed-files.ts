import type { Patch } from "./rules.ts";
import { heldBy, patch, type Row, remove } from "./types.ts";

/** Row whose test is in the package `keyfiles`. The side that reads the signature or the list counts as the client. */
function row(title: string, file: string, ...patches: readonly Patch[]): Row {
  return { title, client: heldBy(`keyfiles/test/${file}`, `${title} · client`, ...patches), server: "not touched" };
}

/** Attacks on signatures of files, on who may sign, and on lists of revoked keys. */
export const SIGNED_FILES: readonly Row[] = [
  row(
    "SSHSIG: fields of the signature",
    "signed-files",
    remove("sshsig-version"),
    remove("sshsig-no-namespace"),
    remove("sshsig-hash"),
    remove("sshsig-end"),
  ),
  row(
    "SSHSIG: a signature for something else",
    "signed-files",
    remove("sshsig-namespace"),
    remove("sshsig-signature"),
    remove("sshsig-sha1"),
  ),
  row("SSHSIG: a signature of more than 1 MiB", "signed-files", remove("sshsig-size")),
  row("SSHSIG: lines of allowed signers", "allowed-signers", patch("signer-option", "/* accepted */")),
  row(
    "SSHSIG: identities and namespaces of allowed signers",
    "allowed-signers",
    remove("signer-identity"),
    patch("signer-namespace", "false"),
    patch("signer-not", "false"),
  ),
  row(
    "SSHSIG: times of allowed signers",
    "allowed-signers",
    patch("signer-early", "false"),
    patch("signer-expired", "false"),
  ),
  row(
    "SSHSIG: certificates of allowed signers",
    "allowed-signers",
    remove("signer-authority"),
    patch("signer-certificate", "false"),
    patch("signer-certificate-early", "false"),
    patch("signer-certificate-late", "false"),
  ),
  {
    title: "SSHSIG: certificates with an authority's signature of an unknown kind",
    client: heldBy(
      "cli/test/keygen-certificates",
      "refuses a certificate with a signature that it cannot verify",
      remove("signer-unverified"),
    ),
    server: "not touched",
  },
  row(
    "KRL: sections that are not understood",
    "revoked-keys",
    remove("krl-format"),
    patch("krl-section", "return;"),
    patch("krl-certificate-section", "break;"),
    remove("krl-critical"),
  ),
  row(
    "KRL: strings, digests and serial numbers that are malformed",
    "revoked-keys",
    patch("krl-record", "if (end - at < 4) break;"),
    remove("krl-digest"),
    remove("krl-range"),
    remove("krl-bitmap-end"),
    remove("krl-serial-0"),
  ),
  row(
    "KRL: keys, certificates and their authorities",
    "revoked-keys",
    patch("revoked-authority", "false"),
    patch("krl-authority", "false"),
    patch("krl-sha1", "false"),
    patch("krl-sha256", "false"),
  ),
  row("KRL: lists of more than 128 MiB", "revoked-keys", remove("krl-size")),
  row("KRL: lines with certificates", "revoked-keys", patch("revoked-certificate", "blob")),
];
