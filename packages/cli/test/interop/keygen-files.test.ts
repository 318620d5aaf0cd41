import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { printed, runWords, useKeygen } from "../keygen-run.ts";

// `nacre keygen` must print what ssh-keygen prints of the same file, and each must read what the other writes.

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nacre-keygen-files-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
useKeygen();

const label = (file: string): string => readFileSync(file, "utf8").split("\n")[0]!;

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
}

function sshKeygen(...words: string[]): Outcome {
  const { status, stdout } = spawnSync("ssh-keygen", words, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    // In other locales it escapes comments.
    env: { ...process.env, LC_ALL: "C.UTF-8" },
  });
  return { status, stdout };
}

async function nacreKeygen(...words: string[]): Promise<Outcome> {
  const status = await runWords(words);
  return { status, stdout: printed };
}

const TYPES = [
  ["ed25519", "256"],
  ["ecdsa", "256"],
  ["ecdsa", "384"],
  ["ecdsa", "521"],
  ["rsa", "2048"],
] as const;

describe.each(TYPES)("%s %s", (type, bits) => {
  const path = (name: string): string => join(folder, `${type}-${bits}-${name}`);
  const make = (name: string, passphrase = ""): string => {
    const words = ["-q", "-t", type, "-b", bits, "-N", passphrase, "-C", "a cömment", "-a", "1"];
    expect(sshKeygen(...words, "-f", path(name)).status).toBe(0);
    return path(name);
  };
  const formats = type === "ed25519" ? ["RFC4716"] : ["RFC4716", "PKCS8", "PEM"];

  test("-e, -i, -y and -r print the same", async () => {
    const file = make("printed");
    const calls = [
      ["-y", "-f", file],
      ["-r", "host.example", "-f", file],
      ...formats.map((format) => ["-e", "-m", format, "-f", file]),
    ];
    for (const words of calls) expect(await nacreKeygen(...words)).toEqual(sshKeygen(...words));

    for (const format of formats) {
      // ssh-keygen imports PEM only of RSA keys.
      if (format === "PEM" && type !== "rsa") continue;
      const exported = path(`exported-${format}`);
      writeFileSync(exported, sshKeygen("-e", "-m", format, "-f", file).stdout);
      const words = ["-i", "-m", format, "-f", exported];
      expect(await nacreKeygen(...words)).toEqual(sshKeygen(...words));
    }
  });

  // The steps take long. In-process tests of @nacre/keyfiles have the other keys.
  if (bits !== "256") return;

  test("-p and -c print the same, and ssh-keygen reads the file after each step", async () => {
    const ours = make("ours");
    const theirs = path("theirs");
    // The default number of bcrypt rounds is slow; one key has it.
    const rounds = type === "ed25519" ? [] : ["-a", "1"];
    for (const end of ["", ".pub"]) copyFileSync(ours + end, theirs + end);
    const steps = [
      { words: ["-p", "-P", "", "-N", "first", ...rounds], passphrase: "first" },
      { words: ["-c", "-P", "first", "-C", "new comment", "-a", "1"], passphrase: "first" },
      ...formats.slice(1).map((format) => ({
        words: ["-p", "-P", "first", "-N", "first", "-m", format, "-a", "1"],
        passphrase: "first",
      })),
      { words: ["-p", "-P", "first", "-N", "other", "-a", "2", "-Z", "aes128-gcm@openssh.com"], passphrase: "other" },
      { words: ["-p", "-P", "other", "-N", ""], passphrase: "" },
      { words: ["-c", "-C", "last"], passphrase: "" },
      { words: ["-c", "-C", ""], passphrase: "" },
    ];
    for (const { words, passphrase } of steps) {
      expect([words, await nacreKeygen(...words, "-f", ours)]).toEqual([words, sshKeygen(...words, "-f", theirs)]);
      const read = ["-y", "-P", passphrase, "-f"];
      expect(sshKeygen(...read, ours)).toEqual(sshKeygen(...read, theirs));
      expect(label(ours)).toBe(label(theirs));
      expect(readFileSync(`${ours}.pub`, "utf8")).toBe(readFileSync(`${theirs}.pub`, "utf8"));
      expect(statSync(ours).mode & 0o777).toBe(0o600);
    }
  });
});

test("-r takes a hash and the generic form, and formats may be in any case", async () => {
  const file = join(folder, "any");
  sshKeygen("-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", file);
  for (const words of [
    ["-r", "host.example", "-f", `${file}.pub`, "-O", "hashalg=sha256"],
    ["-gr", "host.example", "-f", file, "-Ohashalg=sha1"],
    ["-em", "pkcs8", "-f", `${file}.pub`],
  ])
    expect(await nacreKeygen(...words)).toEqual(sshKeygen(...words));
});

test("-r without a file prints the records of the host keys of this machine", async () => {
  expect(await nacreKeygen("-r", "host.example")).toEqual(sshKeygen("-r", "host.example"));
});

test.each([
  ["-y", "-f", "/nonexistent/key"],
  ["-e", "-f", "/nonexistent/key"],
  ["-e", "-m", "other", "-f", "/nonexistent/key"],
  ["-p", "-N", "", "-f", "/nonexistent/key"],
  ["-p", "-a", "0", "-f", "/nonexistent/key"],
  ["-p", "-Z", "aes512-ctr", "-f", "/nonexistent/key"],
  ["-r", "host", "-f", "/nonexistent/key"],
])("%j %j %j fails with the status of ssh-keygen", async (...words) => {
  expect(await nacreKeygen(...words)).toEqual(sshKeygen(...words));
});
