import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fingerprint, generateEd25519 } from "@nacre/keys";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { formatPublicKeyLine, parseAuthorizedKeys } from "../../src/index.ts";

// ssh-keygen parses authorized_keys like sshd, except for the meaning of options. It must find the same keys in the same lines.

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nacre-authorized-keys-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function seenBySshKeygen(text: string): string[] {
  const file = join(folder, "authorized_keys");
  writeFileSync(file, text);
  const { stdout } = spawnSync("ssh-keygen", ["-l", "-f", file], { encoding: "utf8" });
  return stdout.match(/SHA256:\S+/g) ?? [];
}

test("ssh-keygen -l finds the same keys for any quotes and blanks in the options", () => {
  const random = hashChainRandom("authorized keys");
  const keys = Array.from({ length: 4 }, () => generateEd25519(random).publicKey);
  const value = fc.array(fc.constantFrom("a", " ", "\\", '\\"', ",", "=", "#", "\t"), { maxLength: 8 });
  const option = fc.oneof(
    fc.constantFrom("no-pty", "restrict", "PTY", "", "no-touch-required"),
    value.map((pieces) => `command="${pieces.join("")}"`),
    value.map((pieces) => `environment="X=${pieces.join("")}"`),
  );
  const line = fc
    .tuple(
      fc.constantFrom("", " ", "\t", "#"),
      fc.uniqueArray(option, { maxLength: 3, selector: (text) => text.split("=")[0] }),
      fc.constantFrom(...keys),
      fc.constantFrom("", "comment", "# no comment", 'with "quotes'),
    )
    .map(([indent, options, key, comment]) => {
      const parts = [...(options.length > 0 ? [options.join(",")] : []), formatPublicKeyLine(key, comment)];
      return indent + parts.join(" ");
    });
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 5 }), (lines) => {
      // ssh-keygen ignores the options, so count keys that we reject because of their options too.
      const held = lines.flatMap((line) => {
        const file = parseAuthorizedKeys(line);
        return keys.filter(({ blob }) => {
          const check = file.check(blob, { address: undefined, now: 0 });
          return check.allowed || check.reasons.length > 0;
        });
      });
      const found = held.map(({ blob }) => fingerprint(blob, "sha256"));
      expect(found).toEqual(seenBySshKeygen(`${lines.join("\n")}\n`));
    }),
    { numRuns: 150 },
  );
});
