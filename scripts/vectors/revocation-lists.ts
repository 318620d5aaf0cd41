/**
 * Writes test-vectors/revocation-lists.json: revocation lists from `ssh-keygen -k`, and what `ssh-keygen -Q` says of keys and certificates.
 *
 *     node --conditions=@nacre/source --import tsx scripts/vectors/revocation-lists.ts
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const KEYS = ["ca", "other-ca", "alice", "bob"];
/** Certificates, by name: authority, plain key, serial number and key id. */
const CERTIFICATES = [
  ["alice-1", "ca", "alice", 1n, "alice"],
  ["alice-17", "ca", "alice", 17n, "alice at work"],
  ["alice-300", "other-ca", "alice", 300n, "alice"],
  ["bob-0", "ca", "bob", 0n, "bob"],
  ["bob-17", "other-ca", "bob", 17n, "bob"],
  ["bob-last", "ca", "bob", 0xffff_ffff_ffff_ffffn, "bob"],
] as const;
const odd = Array.from({ length: 600 }, (_, index) => `serial: ${2 * index + 1}`);
/** Lists, by name: the words that name an authority, and the specification. */
const LISTS: readonly (readonly [name: string, authority: readonly string[], lines: readonly string[]])[] = [
  ["empty", [], []],
  ["a key", [], ["key: @alice"]],
  ["a SHA-1 digest", [], ["sha1: @alice"]],
  ["a SHA-256 digest", [], ["sha256: @bob"]],
  ["a fingerprint", [], ["hash: #alice"]],
  ["an authority", [], ["key: @ca"]],
  ["a serial number", ["-s", "ca.pub"], ["serial: 17"]],
  ["ranges", ["-s", "ca.pub"], ["serial: 10-20", "serial: 1000-100000", "serial: 18446744073709551615"]],
  ["the greatest serial numbers", ["-s", "ca.pub"], ["serial: 18446744073709551600-18446744073709551615"]],
  ["a bitmap", ["-s", "other-ca.pub"], odd],
  [
    "a bitmap, a list and ranges",
    ["-s", "ca.pub"],
    [...odd.slice(0, 100), "serial: 5000", "serial: 9000-19000", "serial: 90000"],
  ],
  ["a key id", ["-s", "ca.pub"], ["id: alice"]],
  ["a key id of every authority", ["-s", "none"], ["id: alice"]],
  ["a serial number of every authority", ["-s", "none"], ["serial: 17"]],
];

const folder = mkdtempSync(join(tmpdir(), "vectors-"));
const run = (...words: readonly string[]): string =>
  execFileSync("ssh-keygen", words, { cwd: folder, encoding: "utf8" });
try {
  for (const key of KEYS) run("-q", "-t", "ed25519", "-N", "", "-C", key, "-f", key);
  for (const [name, authority, key, serial, id] of CERTIFICATES) {
    writeFileSync(join(folder, `${name}.pub`), readFileSync(join(folder, `${key}.pub`)));
    run("-q", "-s", authority, "-I", id, "-n", key, "-z", String(serial), `${name}.pub`);
  }
  const line = (key: string): string =>
    readFileSync(join(folder, `${key}.pub`), "utf8")
      .split(" ")
      .slice(0, 2)
      .join(" ");
  const blob = (key: string): string => line(key).split(" ")[1]!;
  const lists = LISTS.map(([name, authority, lines]) => {
    const specification = lines.map((one) =>
      one
        .replace(/@(\S+)/, (_, key: string) => line(key))
        .replace(/#(\S+)/, (_, key: string) => run("-l", "-f", `${key}.pub`).split(" ")[1]!),
    );
    writeFileSync(join(folder, "specification"), specification.map((one) => `${one}\n`).join(""));
    run("-k", "-z", "7", "-f", "list", ...authority, "specification");
    const revoked = [...KEYS, ...CERTIFICATES.map(([certificate]) => `${certificate}-cert`)].filter(
      (file) => spawnSync("ssh-keygen", ["-Q", "-f", "list", `${file}.pub`], { cwd: folder }).status !== 0,
    );
    return { name, bytes: readFileSync(join(folder, "list")).toString("base64"), revoked };
  });
  const vectors = {
    source: "Lists: ssh-keygen -k. What they revoke: ssh-keygen -Q.",
    script: "scripts/vectors/revocation-lists.ts",
    versions: { openssh: spawnSync("ssh", ["-V"], { encoding: "utf8" }).stderr.trim() },
    encoding: "blob, bytes: base64; serial: decimal",
    keys: KEYS.map((name) => ({ name, blob: blob(name) })),
    certificates: CERTIFICATES.map(([name, authority, key, serial, keyId]) => ({
      name: `${name}-cert`,
      line: line(`${name}-cert`),
      authority,
      key,
      serial: String(serial),
      keyId,
    })),
    lists,
  };
  const target = new URL("../../test-vectors/revocation-lists.json", import.meta.url);
  writeFileSync(target, `${JSON.stringify(vectors, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true });
}
