import { randomFillSync } from "node:crypto";
import { access, mkdir, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { formatPrivateKey, formatPublicKeyLine, randomart } from "@nacre/keyfiles";
import { generateEcdsa, generateEd25519, generateRsa, type PrivateKey } from "@nacre/keys";
import { account, expandHome, inSlices } from "@nacre/node";
import { escapeText, SshError } from "@nacre/wire";
import { KEYGEN_HELP } from "./help.ts";
import { KEYGEN_OPTIONS, type KeygenArguments, type KeyType, parseKeygenArguments } from "./keygen-arguments.ts";
import { keyLine, listKeys } from "./list-keys.ts";
import { asksForHelp, usage } from "./options.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

/** `nacre keygen`: makes a key, or shows the fingerprints of those in a file. Returns the exit status. */
export async function keygen(words: readonly string[]): Promise<number> {
  if (asksForHelp(words, KEYGEN_OPTIONS)) {
    process.stdout.write(KEYGEN_HELP);
    return 0;
  }
  const parsed = parseKeygenArguments(words);
  if (parsed.action === "list") process.stdout.write(await listKeys(parsed));
  else await generate(parsed);
  return 0;
}

async function generate(parsed: Extract<KeygenArguments, { action: "generate" }>): Promise<void> {
  const file = expandHome(parsed.file ?? `~/.ssh/id_${parsed.type}`);
  const terminal = openTerminal();
  try {
    for (const path of [file, `${file}.pub`]) await mayWrite(path, terminal);
    const passphrase = parsed.passphrase ?? (await askPassphrase(terminal));
    if (passphrase !== "" && passphrase.length < 5)
      throw usage(`a passphrase of ${passphrase.length} characters is too short: take at least 5, or none`);
    const comment = parsed.comment ?? `${account().username}@${hostname()}`;

    const key = await makeKey(parsed.type, parsed.bits);
    const text = await inSlices(formatPrivateKey(key, { format: "openssh", passphrase, comment, random }));
    await writeNew(file, text, 0o600);
    await writeNew(`${file}.pub`, `${formatPublicKeyLine(key.publicKey, comment)}\n`, 0o644);

    const { blob } = key.publicKey;
    process.stdout.write(
      `private key: ${escapeText(file)}\npublic key: ${escapeText(file)}.pub\n${keyLine(key.publicKey, comment, "sha256")}\n${randomart(blob)}\n`,
    );
  } finally {
    terminal?.close();
  }
}

const random = (length: number): Uint8Array => randomFillSync(new Uint8Array(length));

async function makeKey(type: KeyType, bits: number | undefined): Promise<PrivateKey> {
  switch (type) {
    case "ed25519":
      if (bits !== undefined && bits !== 256) throw usage(`an ed25519 key has 256 bits, not ${bits}`);
      return generateEd25519(random);
    case "ecdsa":
      if (bits === undefined || bits === 256) return generateEcdsa("nistp256", random);
      if (bits === 384) return generateEcdsa("nistp384", random);
      if (bits === 521) return generateEcdsa("nistp521", random);
      throw usage(`an ecdsa key has 256, 384 or 521 bits, not ${bits}`);
    case "rsa":
      return inSlices(generateRsa(bits ?? 3072, random));
  }
}

/** A key that is there is not written over, unless its owner says so. */
async function mayWrite(path: string, terminal: Terminal | undefined): Promise<void> {
  try {
    await access(path);
  } catch {
    return;
  }
  const answer = await terminal?.ask(`${escapeText(path)} is there already. Write over it (yes, no)? `, { echo: true });
  if (answer !== "yes" && answer !== "y")
    throw new SshError(
      "usage",
      `${escapeText(path)} is there already, and was left as it is: name another file with -f`,
    );
}

async function askPassphrase(terminal: Terminal | undefined): Promise<string> {
  if (terminal === undefined)
    throw usage("there is no terminal to ask for a passphrase on: give it with -N (-N '' for none)");
  for (;;) {
    const passphrase = await terminal.ask("Passphrase (empty for none): ", { echo: false });
    if ((await terminal.ask("The same again: ", { echo: false })) === passphrase) return passphrase;
    terminal.show("The two differ.\n");
  }
}

/** A new file, so that its mode is ours, whatever was there. */
async function writeNew(path: string, text: string, mode: number): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rm(path, { force: true });
    await writeFile(path, text, { mode, flag: "wx" });
  } catch (cause) {
    throw new SshError("file-unreadable", `the key cannot be written: ${escapeText((cause as Error).message)}`, {
      cause,
    });
  }
}
