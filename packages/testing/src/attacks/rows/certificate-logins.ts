import { heldBy, patch, type Row, remove } from "./types.ts";

const AUTH = "auth/test/certificate-logins";
const LINES = "keyfiles/test/certificate-login";
const NACRE = "nacre/test/certificate-logins";
const NODE = "node/test/certificate-logins";

/** Attacks by users with certificates and security keys on a server. */
export const CERTIFICATE_LOGINS: readonly Row[] = [
  {
    title: "a certificate by an algorithm that authorities may not use",
    client: "not touched",
    server: heldBy(
      AUTH,
      "refuses a certificate whose authority signed with an algorithm that is not accepted",
      patch("login-authority-algorithm", "false"),
    ),
  },
  {
    title: "one key as two factors",
    client: "not touched",
    server: heldBy(
      AUTH,
      "refuses a second certificate of the same key, and the key itself, as a second factor",
      patch("plain-key-once", "return false;"),
    ),
  },
  {
    // CVE-2024-7594: no principals meant everybody.
    title: "a certificate without a principal, or with a pattern",
    client: "not touched",
    server: heldBy(
      LINES,
      "is refused without principals, and with an empty one for a user without a name",
      patch("certificate-exact-principal", "isPrincipal: (principal) => principals.includes(principal)"),
      patch(
        "certificate-principal",
        `if (principals.length > 0 && !principals.some((principal) => use.isPrincipal(principal))) return { reason: "principal" };`,
      ),
    ),
  },
  {
    title: "permissions that a certificate does not name",
    client: "not touched",
    server: [
      heldBy(LINES, "permits nothing that it does not name", patch("certificate-permissions", "pty: true")),
      heldBy(
        LINES,
        "permits only what both the line and the certificate permit",
        patch("certificate-both-permit", "pty: theirs.pty"),
      ),
      heldBy(LINES, "runs the command of either, and refuses two", remove("certificate-two-commands")),
      heldBy(
        LINES,
        "demands the addresses of both, and ends with the line",
        patch("certificate-both-addresses", "from: certificate.from"),
      ),
    ],
  },
  {
    title: "options of a certificate that can be read in two ways",
    client: "not touched",
    server: [
      heldBy(
        LINES,
        "is refused if an option has bytes behind its value, or a flag has a value",
        remove("certificate-option-end"),
        remove("certificate-flag-data"),
      ),
      heldBy(
        LINES,
        "is refused with a list of addresses that has a name, a pattern or an exception",
        remove("certificate-source-address"),
        patch("source-address-networks", "if (network === undefined) continue;"),
      ),
    ],
  },
  {
    title: "principals files",
    client: "not touched",
    server: [
      heldBy(
        LINES,
        "skips lines with options that it does not know, and reports them",
        patch(
          "principals-line-options",
          `if (typeof options === "string") return { found: { line, principal, options: parseKeyOptions("") as KeyOptions }, problems }; $&`,
        ),
      ),
      heldBy(NODE, "is not read for a name that leads elsewhere", remove("principals-path-user")),
    ],
  },
  {
    title: "authorities that nobody trusts",
    client: "not touched",
    server: [
      heldBy(
        LINES,
        "a file of authorities holds the keys of its plain lines",
        patch("trusted-authority", `if (typeof key === "string" || equalBytes(key.blob, blob)) return true;`),
      ),
      heldBy(
        NODE,
        "refuses others, and says why if the authority is trusted",
        patch("trusted-authority-file", "if (trusted === undefined) return false;"),
      ),
      heldBy(NACRE, "refuses a certificate of another authority", remove("trusted-certificate")),
    ],
  },
  {
    title: "a certificate in the place of a known key",
    client: "not touched",
    server: heldBy(
      NACRE,
      "a function that knows a key refuses every certificate of it",
      patch(
        "certificate-login",
        '{ method: "publickey", publicKey, fingerprint: login.fingerprint(certificate.publicKey.blob), ...facts }',
      ),
    ),
  },
  {
    title: "revoked keys and authorities at a server",
    client: "not touched",
    server: [
      heldBy(
        NODE,
        "refuses a key, its certificates and those of an authority",
        remove("revoked-user-key"),
        patch(
          "revoked-user-authority",
          "certificate: { serial, keyId: utf8Encode(keyId), authority: certificate.publicKey.blob }",
        ),
      ),
      heldBy(
        NODE,
        "refuses every key while the list is missing or not understood, says so once, and reads it again when it changes",
        patch("revocation-list-unusable", "if (list === undefined) return false;"),
      ),
      heldBy(
        NACRE,
        "refuses a revoked certificate",
        patch("revoked-user-certificate", "return keyDecision(verdict.restrictions);"),
      ),
    ],
  },
  {
    title: "a security key that nobody touched",
    client: "not touched",
    server: [
      heldBy(NACRE, "that nobody touched is refused, and logged with the reason", remove("security-key-touch")),
      heldBy(NACRE, "that did not verify the user is refused if that is demanded", remove("security-key-verified")),
      heldBy(
        NODE,
        "verifyRequired demands of every key and certificate that the user was verified",
        patch("server-verify-required", "false"),
      ),
      heldBy(
        LINES,
        "waives the touch only if the server does, too",
        patch("certificate-touch", "touchRequired: theirs.touchRequired"),
      ),
    ],
  },
  {
    title: "certificates among the announced host keys",
    client: "not touched",
    server: heldBy(
      "protocol/test/server-protocol",
      "in a certificate are not announced",
      patch("announced-plain-keys", "const plain = hostKeys;"),
    ),
  },
];
