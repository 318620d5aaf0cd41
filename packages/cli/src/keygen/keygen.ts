import { access } from "node:fs/promises";
import { hostname } from "node:os";
import { formatPublicKeyLine, randomart } from "@nacre/keyfiles";
import { generateEcdsa, generateEd25519, generateRsa, type PrivateKey } from "@nacre/keys";
import { account, expandHome } from "@nacre/node";
import { showPath } from "@nacre/node/extend";
import { SshError } from "@nacre/wire";
import { inSlices } from "nacre/extend";
import { KEYGEN_HELP } from "../help.ts";
import { parseOptions, usage, valuesOf } from "../options.ts";
import { openTerminal } from "../terminal/terminal.ts";
import { changeComment, changePassphrase } from "./change-key.ts";
import { exportKey, importKey, printPublicKey, sshfpRecords } from "./convert-key.ts";
import { askNewPassphrase, privateKeyText, random, replaceFiles } from "./key-files.ts";
import { KEYGEN_OPTIONS, type KeygenArguments, type KeyType, parseKeygenArguments } from "./keygen-arguments.ts";
import { withFailures } from "./keygen-system.ts";
import { editKnownHosts } from "./known-hosts.ts";
import { listCertificates } from "./list-certificates.ts";
import { keyLine, listKeys } from "./list-keys.ts";
import { queryRevocationList, writeRevocationList } from "./revocation-lists.ts";
import { signCertificates } from "./sign-certificates.ts";
import { runSignedFiles } from "./signed-files.ts";

/** All options of ssh-keygen that some command takes; `-Y`, `-k`, `-Q`, `-s` and `-L` have a reader of their own. */
const ALL_OPTIONS = {
  ...KEYGEN_OPTIONS,
  "-Y": "value",
  "-k": "flag",
  "-Q": "flag",
  "-u": "flag",
  "-s": "value",
  "-z": "value",
  "-n": "value",
  "-I": "value",
  "-U": "flag",
  "-V": "value",
  "-L": "flag",
  "-h": "flag",
  "--help": "flag",
} as const;

/**
 * Runs `nacre keygen`: creates a key, lists the fingerprints in a file, converts or changes a key file, signs, revokes, or edits
 * known_hosts. Resolves with the exit status.
 */
export async function keygen(words: readonly string[]): Promise<number> {
  const { options, rest } = parseOptions(words, ALL_OPTIONS);
  const values = valuesOf<keyof typeof ALL_OPTIONS>(options);
  // With an authority, `-h` makes certificates of hosts.
  if (values.has("--help") || (values.has("-h") && !values.has("-s"))) {
    process.stdout.write(KEYGEN_HELP);
    return 0;
  }
  if (values.has("-Y")) return withFailures(() => runSignedFiles(values, rest));
  if (values.has("-k")) return withFailures(() => writeRevocationList(values, rest));
  if (values.has("-Q")) return withFailures(() => queryRevocationList(values, rest));
  if (values.has("-s")) return withFailures(() => signCertificates(values, rest));
  if (values.has("-L")) return withFailures(() => listCertificates(values));
  const parsed = parseKeygenArguments(words);
  if (parsed.action === "known-hosts") return editKnownHosts(parsed);
  const printed = await run(parsed);
  if (printed !== undefined) process.stdout.write(printed);
  return 0;
}

/** Runs an action. Resolves with what it prints, if it has not printed it itself. */
async function run(parsed: Exclude<KeygenArguments, { action: "known-hosts" }>): Promise<string | void> {
  switch (parsed.action) {
    case "generate":
      return generate(parsed);
    case "list":
      return listKeys(parsed);
    case "export":
      return exportKey(parsed);
    case "import":
      return importKey(parsed);
    case "print-public":
      return printPublicKey(parsed);
    case "sshfp":
      return sshfpRecords(parsed);
    case "change-passphrase":
      return changePassphrase(parsed);
    case "change-comment":
      return changeComment(parsed);
  }
}

async function generate(parsed: Extract<KeygenArguments, { action: "generate" }>): Promise<void> {
  const file = expandHome(parsed.file ?? `~/.ssh/id_${parsed.type}`);
  for (const path of [file, `${file}.pub`]) await confirmOverwrite(path);
  const passphrase =
    parsed.passphrase ?? (await askNewPassphrase(["Passphrase (empty for none): ", "Repeat passphrase: "]));
  if (passphrase !== "" && passphrase.length < 5)
    throw usage(`passphrase of ${passphrase.length} characters is too short; use at least 5, or none`);
  const comment = parsed.comment ?? `${account().username}@${hostname()}`;

  const key = await makeKey(parsed.type, parsed.bits);
  const { format, rounds, cipher } = parsed;
  const text = await privateKeyText(key, { format, passphrase, comment, rounds, cipher });
  await replaceFiles([
    { path: file, text, mode: 0o600 },
    { path: `${file}.pub`, text: `${formatPublicKeyLine(key.publicKey, comment)}\n`, mode: 0o644 },
  ]);

  if (parsed.quiet) return;
  const { blob } = key.publicKey;
  process.stdout.write(
    `private key: ${showPath(file)}\npublic key: ${showPath(file)}.pub\n${keyLine(key.publicKey, comment, "sha256")}\n${randomart(blob)}\n`,
  );
}

async function makeKey(type: KeyType, bits: number | undefined): Promise<PrivateKey> {
  switch (type) {
    case "ed25519":
      if (bits !== undefined && bits !== 256)
        throw usage(`invalid size of ${bits} bits for an ed25519 key; expected 256`);
      return generateEd25519(random);
    case "ecdsa":
      if (bits === undefined || bits === 256) return generateEcdsa("nistp256", random);
      if (bits === 384) return generateEcdsa("nistp384", random);
      if (bits === 521) return generateEcdsa("nistp521", random);
      throw usage(`invalid size of ${bits} bits for an ecdsa key; expected 256, 384 or 521`);
    case "rsa":
      return inSlices(generateRsa(bits ?? 3072, random));
  }
}

/** Asks before overwriting an existing file. Throws `usage` if the answer is not yes, or if there is no terminal. */
async function confirmOverwrite(path: string): Promise<void> {
  try {
    await access(path);
  } catch {
    return;
  }
  const terminal = openTerminal();
  try {
    const answer = await terminal?.ask(`${showPath(path)} already exists. Overwrite it (yes, no)? `, { echo: true });
    if (answer === "yes" || answer === "y") return;
  } finally {
    terminal?.close();
  }
  throw new SshError("usage", `${showPath(path)} already exists and was not overwritten; give another file with -f`);
}
