import { heldBy, patch, type Row, remove } from "./types.ts";

const NODE = "node/test/host-keys";
const NACRE = "nacre/test/host-keys/host-keys";
const NODE_CERTIFICATES = "node/test/host-certificates";
const NACRE_CERTIFICATES = "nacre/test/host-keys/host-certificates";

/** Attacks on what a client knows of host keys, beside those of known_hosts files. */
export const HOST_KEYS: readonly Row[] = [
  {
    title: "new host keys",
    client: [
      heldBy(
        NACRE,
        "new host keys: proofs · client",
        remove("host-key-proofs"),
        patch("host-key-proof", "return true;"),
      ),
      heldBy(
        NACRE,
        "new host keys: announcements · client",
        remove("host-keys-once"),
        remove("host-keys-current"),
        remove("host-keys-count"),
        patch("host-keys-plain", "const all = strings;"),
      ),
      heldBy(
        NODE,
        "new host keys: files · client",
        remove("host-keys-trusted"),
        remove("host-keys-proved"),
        remove("host-keys-asked"),
        remove("host-keys-by-hand"),
        remove("host-keys-elsewhere"),
      ),
    ],
    server: "not touched",
  },
  {
    title: "changed host key",
    client: heldBy(
      NODE,
      "changed host key: restricted · client",
      patch("changed-restricted", "return true;"),
      patch("restricted-methods", "return true;"),
      remove("restricted-channels"),
      remove("restricted-requests"),
      remove("restricted-accept"),
      remove("restricted-handlers"),
      patch("restricted-users", "this.#beginUsers();"),
    ),
    server: "not touched",
  },
  {
    title: "known hosts: the command",
    client: heldBy(
      NODE,
      "known hosts: the command · client",
      remove("command-output"),
      patch("known-hosts-status", "true"),
    ),
    server: "not touched",
  },
  {
    title: "known hosts: the address",
    client: heldBy(NODE, "known hosts: the address · client", patch("changed-address", "return check;")),
    server: "not touched",
  },
  {
    title: "known hosts: revoked keys",
    client: heldBy(
      NODE,
      "known hosts: revoked keys · client",
      remove("revoked-line"),
      remove("revoked-list"),
      remove("revoked-key"),
    ),
    server: "not touched",
  },
  {
    title: "certificates of hosts",
    client: [
      heldBy(
        NACRE_CERTIFICATES,
        "certificates of hosts: authorities · client",
        patch("host-authority", "true"),
        patch("host-authority-marker", 'return marker !== "revoked";'),
        remove("host-certificate-authority"),
      ),
      heldBy(
        NACRE_CERTIFICATES,
        "certificates of hosts: revoked keys and authorities · client",
        patch("revoked-host-authority", "false"),
        patch("revoked-certificate-line", "blob"),
      ),
      heldBy(
        NACRE_CERTIFICATES,
        "certificates of hosts: type, time, names and options · client",
        patch("host-certificate", 'if (check.status !== "revoked" && hostKey.certificate !== undefined) return true;'),
        patch("host-certificate-name", "isPrincipal: (principal) => matchPattern(principal, name)"),
        patch("host-certificate-critical", "criticalOptions: [...certificate.criticalOptions.keys()]"),
      ),
      heldBy(NACRE_CERTIFICATES, "certificates of hosts: no plain keys offered · client", remove("only-certificates")),
      heldBy(
        NODE_CERTIFICATES,
        "certificates of hosts: lists of revoked keys · client",
        remove("revoked-host-certificate"),
      ),
      heldBy(
        NODE_CERTIFICATES,
        "certificates of hosts: what is remembered · client",
        patch("certified-plain-key", "const blob = event.hostKey;"),
      ),
    ],
    server: "not touched",
  },
];
