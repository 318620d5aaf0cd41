import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { FileHashName, FileSignature } from "@nacre/keyfiles";
import { isPrivateKey, type PrivateKey, type SignatureAlgorithm } from "@nacre/keys/internal";
import { SshError } from "@nacre/wire";
import { checkOptions, type OptionRows, type RemoteIdentity } from "nacre/extend";
import { nodeUserKeys } from "../crypto/algorithms.ts";
import { nodeRandom } from "../crypto/bytes.ts";
import { showPath } from "../windows/system.ts";
import { isFileText } from "./files.ts";

/** Path of a file, or its content as a stream. */
export type FileToRead = string | AsyncIterable<Uint8Array>;

/** Options of {@link signFile}. */
export interface SignFileOptions {
  /** Purpose of the signature, such as `"file"` or `"git"`. It is valid for no other purpose. */
  readonly namespace: string;
  /** Default `"sha512"`. */
  readonly hash?: FileHashName | undefined;
}

/** Options of {@link verifyFile}. */
export interface VerifyFileOptions {
  /** The namespace that the signature must have. */
  readonly namespace: string;
  /** Accepted signature algorithms; default `nodeUserKeys`: those of plain keys, security keys, passkeys and certificates. */
  readonly algorithms?: readonly SignatureAlgorithm[] | undefined;
}

const SIGN_FILE_OPTIONS: OptionRows<SignFileOptions> = { namespace: "string", hash: ["sha256", "sha512"] };
const VERIFY_FILE_OPTIONS: OptionRows<VerifyFileOptions> = { namespace: "string", algorithms: "array" };

/** Chunks of a file in bytes: fewer and larger ones than Node's default. */
const CHUNK = 512 * 1024;

/**
 * Signs a file of any size, as `ssh-keygen -Y sign` does (OpenSSH PROTOCOL.sshsig). The key may be in memory or in an agent
 * (`agentIdentities`). Resolves with the armoured signature. Rejects with `usage`, `file-unreadable`, `agent-failed` or the errors of a
 * stream.
 */
export async function signFile(
  key: PrivateKey | RemoteIdentity,
  file: FileToRead,
  options: SignFileOptions,
): Promise<string> {
  checkOptions(options, SIGN_FILE_OPTIONS, "`signFile`");
  const { FileSigner } = await import("@nacre/keyfiles");
  const signer = new FileSigner(key.publicKey, options, createHash);
  await pass(file, signer);
  const { algorithm, data, armour } = signer.finish();
  const signature = isPrivateKey(key) ? key.sign(algorithm, data, nodeRandom) : await key.sign(algorithm, data);
  if (signature === undefined) throw new SshError("agent-failed", "the agent refused to sign");
  return armour(signature);
}

/**
 * Verifies the armoured signature of a file of any size. Resolves with the signature and the public key that made it. Anyone can sign with
 * a key of their own, so check next whether that key is allowed to: `parseAllowedSigners` of `@nacre/keyfiles`. Rejects with
 * `bad-signature` if the signature is not valid for this file and namespace, `file-malformed` if it is malformed, and like
 * {@link signFile}.
 */
export async function verifyFile(
  signature: string | Uint8Array,
  file: FileToRead,
  options: VerifyFileOptions,
): Promise<FileSignature> {
  checkOptions(options, VERIFY_FILE_OPTIONS, "`verifyFile`");
  const { FileVerifier } = await import("@nacre/keyfiles");
  const { namespace, algorithms = nodeUserKeys } = options;
  const verifier = new FileVerifier(signature, { namespace, algorithms }, createHash);
  await pass(file, verifier);
  return verifier.finish();
}

/** Passes the bytes of a file on. */
async function pass(file: FileToRead, to: { update(chunk: Uint8Array): void }): Promise<void> {
  if (typeof file !== "string") {
    for await (const chunk of file) to.update(chunk);
    return;
  }
  if (isFileText(file)) throw new SshError("usage", "expected the path of a file, got its content");
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: CHUNK })) to.update(chunk as Uint8Array);
  } catch (cause) {
    throw new SshError("file-unreadable", `cannot read ${showPath(file)}: ${showPath((cause as Error).message)}`, {
      cause,
    });
  }
}
