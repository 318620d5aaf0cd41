import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KEYGEN_CASES, keygenOutcome } from "@nacre/testing/known-hosts-keygen";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import recorded from "../../../../test-vectors/known-hosts.json" with { type: "json" };
import { printed, runWords, said, useKeygen } from "../keygen-run.ts";
import { ended, start } from "./nacre.ts";

// `nacre keygen` and ssh-keygen must each read and list keys made by the other.

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nacre-keygen-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
useKeygen();

const sshKeygen = (...words: string[]): string =>
  execFileSync("ssh-keygen", words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

async function nacreKeygen(...words: string[]): Promise<string> {
  const status = await runWords(words);
  expect(said).toBe("");
  expect(status).toBe(0);
  return printed;
}

const KINDS: readonly (readonly [type: string, bits: string])[] = [
  ["ed25519", "256"],
  ["rsa", "2048"],
  ["ecdsa", "256"],
  ["ecdsa", "384"],
  ["ecdsa", "521"],
];

describe.each(["nacre keygen", "ssh-keygen"])("keys made by %s", (maker) => {
  const publicLines: string[] = [];

  describe.each(KINDS)("%s %s", (type, bits) => {
    test.each([
      ["plain", ""],
      ["encrypted", "a päss phrase"],
    ])("%s: both commands read the key and list it identically", async (protection, passphrase) => {
      const file = join(folder, `${maker}-${type}-${bits}-${protection}`.replaceAll(" ", "-"));
      const words = ["-t", type, "-b", bits, "-f", file, "-N", passphrase, "-C", "made here"];
      // The default number of bcrypt rounds is slow; one type has it.
      if (maker === "ssh-keygen") sshKeygen("-q", ...words, ...(type === "ed25519" ? [] : ["-a", "1"]));
      else expect(await runWords(words)).toBe(0);

      const line = sshKeygen("-y", "-P", passphrase, "-f", file);
      expect(line).toMatch(/^(ssh|ecdsa-sha2)-\S+ \S+ made here\n$/);
      expect(readFileSync(`${file}.pub`, "utf8")).toBe(line);
      publicLines.push(line);
      expect(await nacreKeygen("-l", "-v", "-f", file)).toBe(sshKeygen("-l", "-v", "-f", file));
    });
  });

  test("both commands list all their public keys identically", async () => {
    expect(publicLines).toHaveLength(2 * KINDS.length);
    const file = join(folder, `${maker}.pub`.replaceAll(" ", "-"));
    writeFileSync(file, publicLines.join(""));
    const words = ["-l", "-v", "-E", "md5", "-f", file];
    expect(await nacreKeygen(...words)).toBe(sshKeygen(...words));
  });
});

test("ssh-keygen searches and changes known_hosts as recorded", async () => {
  const outcomes = [];
  for (const [text, words] of KEYGEN_CASES)
    outcomes.push(
      await keygenOutcome(text, words, async (all) => {
        const { status, stdout, stderr } = await ended(start(["ssh-keygen", ...all]));
        return { status, stdout: stdout.toString(), stderr };
      }),
    );
  expect(outcomes).toEqual(recorded.outcomes);
});

test("nacre keygen hashes names that ssh-keygen finds, and says which file is missing", async () => {
  const file = join(folder, "hashed");
  sshKeygen("-q", "-t", "ed25519", "-N", "", "-f", `${file}-key`);
  writeFileSync(file, `example.org,Other.org ${readFileSync(`${file}-key.pub`, "utf8")}`);
  expect(await runWords(["-H", "-f", file])).toBe(0);
  for (const host of ["example.org", "other.org"])
    expect(await nacreKeygen("-F", host, "-f", file)).toBe(sshKeygen("-F", host, "-f", file));
  expect(await runWords(["-F", "x", "-f", "/nonexistent/file"])).toBe(255);
  expect(said).toBe("Cannot stat /nonexistent/file: No such file or directory\n");
});
