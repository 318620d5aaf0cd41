import { link, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { parsePublicKeyFile } from "@nacre/keyfiles/internal";
import { certifiedPrivateKey, type PrivateKey } from "@nacre/keys/internal";
import { equalBytes, SshError, toHex, utf8DecodeLossy } from "@nacre/wire";
import { inSlices } from "nacre/extend";
import { nodeRandom } from "../crypto/bytes.ts";
import { type CryptoChoice, nodePrivateKey } from "../crypto/private-key.ts";
import { showPath } from "../windows/system.ts";
import { expandHome, inFile, isFileText } from "./files.ts";
import { assertPrivate, openKeyFile } from "./key-file.ts";
import { createSecretFile, readOwned } from "./owned-file.ts";

/**
 * Reads the host key from a file. If the file does not exist, creates an Ed25519 key there, with its public key in a `.pub` file next to
 * it. A leading `~/` is the account's home folder. The key signs with node:crypto unless `crypto` is `"noble"`. On Windows, where files
 * have no mode, icacls lets only this account read the new key; if that fails, `warn` gets a line, by default `process.emitWarning`.
 *
 * Rejects with `file-unreadable` if the file cannot be read, or if a user other than this account and root can read, write or replace it.
 * Rejects with `usage` for a public key or an invalid path, `passphrase-needed` for an encrypted key, or the errors of `openPrivateKey`.
 */
export async function hostKeyFile(
  path: string,
  {
    crypto,
    warn = (text) => process.emitWarning(text),
  }: { readonly crypto?: CryptoChoice | undefined; readonly warn?: ((text: string) => void) | undefined } = {},
): Promise<PrivateKey> {
  if (typeof path !== "string" || isFileText(path))
    throw new SshError(
      "usage",
      "`hostKeyFile` expects the path of a key file; for the text of a key, pass `await privateKey(text)`",
    );
  const file = expandHome(path);
  try {
    const bytes = await readOrMake(file, warn);
    // Check this before the file mode, because public keys may be world-readable.
    mustNotBePublic(bytes);
    await assertPrivate(file);
    const opened = await openKeyFile(bytes, crypto);
    // rule: host-key-unencrypted
    if (!opened.encrypted) return opened.privateKey;
    throw new SshError("passphrase-needed", "the host key is encrypted; remove its passphrase with `ssh-keygen -p`");
  } catch (cause) {
    throw inFile(path, cause);
  }
}

/**
 * Reads a host's certificate from a file, such as `ssh_host_ed25519_key-cert.pub`, and returns the key of `hostKeys` that it certifies, as
 * one that presents the certificate (sshd_config(5), HostCertificate). Name it in `hostKeys` beside the plain key, which other clients
 * know. Rejects with `file-unreadable` if the file cannot be read, or if a user other than this account and root can write or replace it.
 * Rejects with `usage` for a user's certificate and for one of another key, or the errors of `parsePublicKeyFile` and `parseCertificate`.
 */
export async function hostCertificateFile(path: string, hostKeys: readonly PrivateKey[]): Promise<PrivateKey> {
  try {
    const found = await readOwned(expandHome(path));
    if (found === undefined) throw new SshError("file-unreadable", "no such file");
    const { parseCertificate } = await import("@nacre/keys");
    const certificate = parseCertificate(parsePublicKeyFile(utf8DecodeLossy(found.bytes)).publicKey.blob);
    if (certificate.type !== "host")
      throw new SshError("usage", "expected the certificate of a host, got that of a user");
    const key = hostKeys.find(({ publicKey }) => equalBytes(publicKey.blob, certificate.publicKey.blob));
    if (key === undefined) throw new SshError("usage", "the certificate is for none of the host keys");
    return certifiedPrivateKey(key, certificate);
  } catch (cause) {
    throw inFile(path, cause);
  }
}

async function readOrMake(file: string, warn: (text: string) => void): Promise<Uint8Array> {
  const found = await readOwned(file);
  if (found !== undefined) return found.bytes;
  await make(file, warn);
  const made = await readOwned(file);
  if (made === undefined) throw new SshError("file-unreadable", "the new file was removed by another process");
  return made.bytes;
}

function mustNotBePublic(bytes: Uint8Array): void {
  try {
    parsePublicKeyFile(utf8DecodeLossy(bytes));
  } catch {
    return;
  }
  throw new SshError("usage", "expected a private key, got a public key; use the file of the same name without `.pub`");
}

/** Creates a key file. If another process creates it at the same time, keeps that key. */
async function make(file: string, warn: (text: string) => void): Promise<void> {
  const { formatPrivateKey, formatPublicKeyLine } = await import("@nacre/keyfiles");
  const key = nodePrivateKey({ format: "ssh-ed25519", seed: nodeRandom(32) });
  const text = await inSlices(formatPrivateKey(key, { format: "openssh", random: nodeRandom }));
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const problem = await createWhole(file, text);
    if (problem !== undefined) warn(`${showPath(file)}: other accounts may be able to read this key: ${problem}`);
    await writeFile(`${file}.pub`, `${formatPublicKeyLine(key.publicKey)}\n`, { mode: 0o644 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return;
    throw new SshError("file-unreadable", `cannot write the host key: ${showPath(String(cause))}`, { cause });
  }
}

/**
 * Creates a file that only this account can read. It appears with its complete content, so a server that starts at the same time reads the
 * whole key. Resolves with the reason if other accounts may be able to read it. Rejects with `EEXIST`, without changes, if the file exists.
 */
async function createWhole(file: string, text: string | Uint8Array): Promise<string | undefined> {
  const fresh = `${file}.${toHex(nodeRandom(8))}`;
  try {
    const problem = await createSecretFile(fresh, text);
    try {
      await link(fresh, file);
      return problem;
    } catch (cause) {
      // Fall back if the file system has no hard links.
      if ((cause as NodeJS.ErrnoException).code === "EEXIST") throw cause;
      return await createSecretFile(file, text);
    }
  } finally {
    await rm(fresh, { force: true });
  }
}
