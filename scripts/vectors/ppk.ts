// Writes test-vectors/ppk.json with this machine's ssh-keygen and puttygen. Its keys are new, and are used only in these tests.
// Run: node --conditions=@nacre/source --import tsx scripts/vectors/ppk.ts
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PASSPHRASE = "correct horse ünd Batterie";
const folder = mkdtempSync(join(tmpdir(), "nacre-vectors-"));
const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: "utf8", cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
const read = (name: string): string => readFileSync(join(folder, name), "utf8");

const TYPES = [
  { name: "ed25519", args: ["-t", "ed25519"] },
  { name: "ecdsa-256", args: ["-t", "ecdsa", "-b", "256"] },
  { name: "ecdsa-384", args: ["-t", "ecdsa", "-b", "384"] },
  { name: "ecdsa-521", args: ["-t", "ecdsa", "-b", "521"] },
  { name: "rsa-2048", args: ["-t", "rsa", "-b", "2048"] },
] as const;

/** Parameters of puttygen by name of the variant, and whether the file is encrypted. */
const VARIANTS: Readonly<Record<string, { readonly parameters: string; readonly encrypted: boolean }>> = {
  "2-plain": { parameters: "version=2", encrypted: false },
  "2-encrypted": { parameters: "version=2", encrypted: true },
  "3-plain": { parameters: "version=3", encrypted: false },
  "3-encrypted": { parameters: "version=3,memory=1024,passes=2", encrypted: true },
};
/** Further variants of the Ed25519 key. The first has PuTTY's default memory. */
const DERIVATIONS: typeof VARIANTS = {
  "3-default": { parameters: "version=3,passes=8", encrypted: true },
  "3-argon2i": { parameters: "version=3,kdf=argon2i,memory=512,passes=3,parallelism=2", encrypted: true },
  "3-argon2d": { parameters: "version=3,kdf=argon2d,memory=516,passes=1,parallelism=3", encrypted: true },
};

writeFileSync(join(folder, "passphrase"), `${PASSPHRASE}\n`);
writeFileSync(join(folder, "none"), "\n");
const files = TYPES.flatMap((type) => {
  run("ssh-keygen", "-q", ...type.args, "-N", "", "-C", `${type.name}@nacre ü`, "-f", join(folder, type.name));
  const [format, base64, comment] = read(`${type.name}.pub`)
    .trim()
    .split(/ (.*?) (.*)/);
  const variants = { ...VARIANTS, ...(type.name === "ed25519" && DERIVATIONS) };
  return Object.entries(variants).map(([variant, { parameters, encrypted }]) => {
    const args = ["-O", "private", "--ppk-param", parameters];
    run("puttygen", type.name, ...args, "--new-passphrase", encrypted ? "passphrase" : "none", "-o", "made");
    return {
      name: `${type.name}-${variant}`,
      made: `puttygen ${args.join(" ")}`,
      ...(encrypted && { passphrase: PASSPHRASE }),
      publicKey: `${format} ${base64}`,
      comment,
      text: read("made"),
    };
  });
});

const version = /Release \S+/.exec(run("puttygen", "--version"))?.[0];
const source = `Made by scripts/vectors/ppk.ts with puttygen, ${version}. The keys are used only in these tests.`;
writeFileSync(
  new URL("../../test-vectors/ppk.json", import.meta.url),
  `${JSON.stringify({ source, files }, null, 2)}\n`,
);
rmSync(folder, { recursive: true });
console.log(`${files.length} files`);
