import type { PublicKey, SignatureAlgorithm } from "@nacre/keys/internal";
import { type Bytes, escapeText, Reader, SshError } from "@nacre/wire";
import {
  type FileHashName,
  type FileSignature,
  formatFileSignature,
  parseFileSignature,
  signedBytes,
} from "./file-signature.ts";

/** Hash of bytes that arrive in chunks, such as one of `node:crypto` or of noble. */
export interface FileHash {
  /** Adds the next bytes. */
  update(chunk: Uint8Array): unknown;
  /** Returns the hash of all bytes. */
  digest(): Uint8Array;
}

/** Starts a hash. */
export type CreateFileHash = (name: FileHashName) => FileHash;

/** Options of a signature. */
export interface FileSignerOptions {
  /** Purpose of the signature, such as `"file"` or `"git"`. It is valid for no other purpose. */
  readonly namespace: string;
  /** Default `"sha512"`. */
  readonly hash?: FileHashName | undefined;
}

/** Bytes to be signed for a file. The key may be in memory, in an agent or elsewhere. */
export interface FileToSign {
  /** Name of the signature algorithm. */
  readonly algorithm: string;
  readonly data: Bytes;
  /** Returns the armoured signature. `signature` is a signature blob over `data`. */
  readonly armour: (signature: Uint8Array) => string;
}

/** Signs a file that arrives in chunks. Holds no more of it than its hash. */
export class FileSigner {
  readonly #key: Pick<PublicKey, "blob" | "algorithms">;
  readonly #namespace: string;
  readonly #name: FileHashName;
  readonly #hash: FileHash;

  /** `key` is the signing key; its blob may be a certificate's. Throws `usage` for an empty namespace. */
  constructor(
    key: Pick<PublicKey, "blob" | "algorithms">,
    { namespace, hash = "sha512" }: FileSignerOptions,
    createHash: CreateFileHash,
  ) {
    if (namespace === "") throw new SshError("usage", "`namespace` must not be empty");
    this.#key = key;
    this.#namespace = namespace;
    this.#name = hash;
    this.#hash = createHash(hash);
  }

  /** Adds the next bytes of the file. */
  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
  }

  /** Ends the file. Throws `key-unsupported` if the key has no signature algorithm. */
  finish(): FileToSign {
    const { algorithms } = this.#key;
    // An RSA key signs with the hash of the file, as ssh-keygen does.
    const rsa = algorithms.find((one) => one.signatureName === "rsa-sha2-256" && this.#name === "sha256");
    const algorithm = (rsa ?? algorithms[0])?.name;
    if (algorithm === undefined) throw new SshError("key-unsupported", "the key cannot sign");
    const [publicKey, namespace, hash] = [this.#key.blob, this.#namespace, this.#name];
    return {
      algorithm,
      data: signedBytes(namespace, hash, this.#hash.digest()),
      armour: (signature) => formatFileSignature({ publicKey, namespace, hash, signature }),
    };
  }
}

/** Conditions of a valid signature. */
export interface FileVerifierOptions {
  /** The namespace that the signature must have. */
  readonly namespace: string;
  /** Accepted signature algorithms. */
  readonly algorithms: readonly SignatureAlgorithm[];
}

/** Verifies the signature of a file that arrives in chunks. Holds no more of it than its hash. */
export class FileVerifier {
  readonly #signature: FileSignature;
  readonly #algorithms: readonly SignatureAlgorithm[];
  readonly #hash: FileHash;

  /**
   * `signature` is armoured text. Throws `file-malformed` like `parseFileSignature`, and `bad-signature` if it has another namespace or an
   * algorithm that is not accepted: a file need not be read for such a signature.
   */
  constructor(
    signature: string | Uint8Array,
    { namespace, algorithms }: FileVerifierOptions,
    createHash: CreateFileHash,
  ) {
    this.#signature = parseFileSignature(signature);
    // rule: sshsig-namespace
    if (this.#signature.namespace !== namespace)
      throw new SshError(
        "bad-signature",
        `the signature is for namespace "${escapeText(this.#signature.namespace.slice(0, 64))}", not "${escapeText(namespace)}"`,
      );
    this.#algorithms = algorithmsFor(this.#signature, algorithms);
    this.#hash = createHash(this.#signature.hash);
  }

  /** Adds the next bytes of the file. */
  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
  }

  /**
   * Ends the file. Returns the verified signature: the owner of `publicKey` signed this file. Anyone can sign with a key of their own, so
   * check next whether `publicKey` is allowed to (`AllowedSigners`). Throws `bad-signature`, and `key-malformed` or `key-weak` for the key
   * itself.
   */
  finish(): FileSignature {
    const { namespace, hash, publicKey, signature } = this.#signature;
    const data = signedBytes(namespace, hash, this.#hash.digest());
    // rule: sshsig-signature
    if (!this.#algorithms.some((algorithm) => algorithm.verify(publicKey, data, signature)))
      throw new SshError("bad-signature", "the signature is not valid for this file");
    return this.#signature;
  }
}

/** Returns the accepted algorithms for the key's format. Each checks that the signature names it. */
function algorithmsFor(
  { publicKey, signature }: FileSignature,
  accepted: readonly SignatureAlgorithm[],
): readonly SignatureAlgorithm[] {
  const CODE = { code: "file-malformed" } as const;
  const format = new Reader(publicKey, "key of a file signature", CODE).name("format");
  const name = new Reader(signature, "file signature", CODE).name("signature algorithm");
  // rule: sshsig-sha1
  if (name === "ssh-rsa") throw new SshError("bad-signature", "the signature is made with SHA-1");
  const algorithms = accepted.filter(({ keyFormat }) => keyFormat === format);
  if (algorithms.length === 0)
    throw new SshError("bad-signature", `signatures by keys of format ${format.slice(0, 64)} are not accepted`);
  return algorithms;
}
