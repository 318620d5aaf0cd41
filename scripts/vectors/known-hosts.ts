// Writes test-vectors/known-hosts.json: what this machine's ssh-keygen prints for -F, -H and -R, and what it leaves in the file.
// Run: node --conditions=@nacre/source --import tsx scripts/vectors/known-hosts.ts
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { KEYGEN_CASES, type KeygenOutcome, keygenOutcome } from "@nacre/testing/known-hosts-keygen";

const outcomes: KeygenOutcome[] = [];
for (const [text, words] of KEYGEN_CASES)
  outcomes.push(
    await keygenOutcome(text, words, async (all) => {
      const { status, stdout, stderr } = spawnSync("ssh-keygen", all, { encoding: "utf8" });
      return { status, stdout, stderr };
    }),
  );
const version = spawnSync("ssh", ["-V"], { encoding: "utf8" }).stderr.trim();
writeFileSync(
  new URL("../../test-vectors/known-hosts.json", import.meta.url),
  `${JSON.stringify({ source: `Made by scripts/vectors/known-hosts.ts with ${version}.`, outcomes }, null, 2)}\n`,
);
