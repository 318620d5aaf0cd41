import {
  defaultCertificateAlgorithms,
  defaultSignatureAlgorithms,
  type PrivateKey,
  type SignatureAlgorithm,
} from "@nacre/keys";
import { isBytes, type RandomSource } from "@nacre/wire";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import type { FileSignature } from "./file-signature.ts";
import { type CreateFileHash, FileSigner, type FileSignerOptions, FileVerifier } from "./file-signer.ts";

/** Options of {@link signFile}. */
export interface SignFileOptions extends FileSignerOptions {
  /** Used for RSA blinding only. */
  readonly random: RandomSource;
}

/** Hashes of noble, for {@link FileSigner} and {@link FileVerifier}. */
export const createFileHash: CreateFileHash = (name) => (name === "sha256" ? sha256 : sha512).create();

/**
 * Signs a file with a key in memory, as `ssh-keygen -Y sign` does. Takes the file whole or in chunks. Returns the armoured signature.
 * Throws `usage` for an empty namespace.
 */
export function signFile(
  key: PrivateKey,
  file: Uint8Array | Iterable<Uint8Array>,
  { random, ...options }: SignFileOptions,
): string {
  const signer = new FileSigner(key.publicKey, options, createFileHash);
  for (const chunk of chunksOf(file)) signer.update(chunk);
  const { algorithm, data, armour } = signer.finish();
  return armour(key.sign(algorithm, data, random));
}

const ALL_ALGORITHMS: readonly SignatureAlgorithm[] = /* @__PURE__ */ defaultSignatureAlgorithms.concat(
  defaultCertificateAlgorithms,
);

/** Options of {@link verifyFile}. */
export interface VerifyFileOptions {
  /** The namespace that the signature must have. */
  readonly namespace: string;
  /** Accepted signature algorithms; default all of `@nacre/keys`, those of certificates too. */
  readonly algorithms?: readonly SignatureAlgorithm[] | undefined;
}

/**
 * Verifies a file's armoured signature. Takes the file whole or in chunks. Returns the signature, with the public key that made it. Anyone
 * can sign with a key of their own, so check next whether that key is allowed to (`parseAllowedSigners`). Throws `bad-signature` if the
 * signature is not valid for this file and namespace, `file-malformed` if it is malformed.
 */
export function verifyFile(
  signature: string | Uint8Array,
  file: Uint8Array | Iterable<Uint8Array>,
  { namespace, algorithms = ALL_ALGORITHMS }: VerifyFileOptions,
): FileSignature {
  const verifier = new FileVerifier(signature, { namespace, algorithms }, createFileHash);
  for (const chunk of chunksOf(file)) verifier.update(chunk);
  return verifier.finish();
}

function chunksOf(file: Uint8Array | Iterable<Uint8Array>): Iterable<Uint8Array> {
  return isBytes(file) ? [file] : file;
}
