import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildNacre, nacre } from "./nacre.ts";

// `nacre keygen` and ssh-keygen must each read and list keys made by the other.

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nacre-keygen-"));
  buildNacre(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

const sshKeygen = (...words: string[]): string =>
  execFileSync("ssh-keygen", words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

async function nacreKeygen(...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await nacre(["keygen", ...words]);
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return stdout.toString();
}

const KINDS: readonly (readonly [type: string, bits: string])[] = [
  ["ed25519", "256"],
  ["rsa", "2048"],
  ["ecdsa", "256"],
  ["ecdsa", "384"],
  ["ecdsa", "521"],
];

describe.each(["nacre keygen", "ssh-keygen"])("keys made by %s", (maker) => {
  describe.each(KINDS)("%s %s", (type, bits) => {
    test.each([
      ["plain", ""],
      ["encrypted", "a päss phrase"],
    ])("%s: both commands read the key and list it identically", async (protection, passphrase) => {
      const file = join(folder, `${maker}-${type}-${bits}-${protection}`.replaceAll(" ", "-"));
      const words = ["-t", type, "-b", bits, "-f", file, "-N", passphrase, "-C", "made here"];
      if (maker === "ssh-keygen") sshKeygen("-q", ...words);
      else expect((await nacre(["keygen", ...words])).status).toBe(0);

      const line = sshKeygen("-y", "-P", passphrase, "-f", file);
      expect(line).toMatch(/^(ssh|ecdsa-sha2)-\S+ \S+ made here\n$/);
      expect(readFileSync(`${file}.pub`, "utf8")).toBe(line);
      for (const [listed, hash] of [
        [file, "sha256"],
        [`${file}.pub`, "md5"],
      ] as const)
        expect(await nacreKeygen("-l", "-v", "-E", hash, "-f", listed)).toBe(
          sshKeygen("-l", "-v", "-E", hash, "-f", listed),
        );
    });
  });
});
