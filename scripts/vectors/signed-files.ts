/**
 * Writes test-vectors/signed-files.json: signatures of files from `ssh-keygen -Y sign`, and those of OpenSSH's unit tests, which Debian's
 * package openssh-tests installs.
 *
 *     node --conditions=@nacre/source --import tsx scripts/vectors/signed-files.ts [folder of the unit tests' data]
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const DATA = process.argv[2] ?? "/usr/lib/openssh/regress/unittests/sshsig/testdata";
const KINDS = [
  ["ed25519", "ed25519", 256],
  ["ecdsa-256", "ecdsa", 256],
  ["ecdsa-384", "ecdsa", 384],
  ["ecdsa-521", "ecdsa", 521],
  ["rsa", "rsa", 2048],
] as const;
const FILE = "Nacre signs this file.\n";
const NAMESPACE = "file";

const folder = mkdtempSync(join(tmpdir(), "vectors-"));
try {
  const vectors = {
    source:
      "made: ssh-keygen -Y sign. unitTests: regress/unittests/sshsig/testdata of OpenSSH, from Debian's package openssh-tests.",
    script: "scripts/vectors/signed-files.ts",
    versions: { openssh: spawnSync("ssh", ["-V"], { encoding: "utf8" }).stderr.trim() },
    made: {
      file: FILE,
      namespace: NAMESPACE,
      signatures: KINDS.flatMap(([name, type, bits]) => {
        const path = join(folder, name);
        execFileSync("ssh-keygen", ["-q", "-t", type, "-b", String(bits), "-N", "", "-C", name, "-f", path]);
        return ["sha256", "sha512"].map((hash) => ({
          key: name,
          hash,
          privateKey: readFileSync(path, "utf8"),
          signature: execFileSync("ssh-keygen", ["-Y", "sign", "-n", NAMESPACE, "-O", `hashalg=${hash}`, "-f", path], {
            input: FILE,
            encoding: "utf8",
            stdio: "pipe",
          }),
        }));
      }),
    },
    unitTests: {
      file: readFileSync(join(DATA, "signed-data"), "utf8"),
      namespace: readFileSync(join(DATA, "namespace"), "utf8"),
      signatures: readdirSync(DATA)
        .filter((name) => name.endsWith(".sig"))
        .map((name) => ({
          key: name.replace(".sig", ""),
          publicKey: readFileSync(join(DATA, name.replace(".sig", ".pub")), "utf8").trim(),
          signature: readFileSync(join(DATA, name), "utf8"),
        })),
    },
  };
  const target = new URL("../../test-vectors/signed-files.json", import.meta.url);
  writeFileSync(target, `${JSON.stringify(vectors, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true });
}
