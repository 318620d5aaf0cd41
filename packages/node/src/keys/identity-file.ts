import {
  type EncryptedKeyFile,
  type PrivateKeyFile,
  parsePublicKeyFile,
  publicKeyInside,
  type UnlockedKey,
} from "@nacre/keyfiles/internal";
import type { Certificate, KeyBounds, PrivateKey, PublicKey } from "@nacre/keys/internal";
import { equalBytes, SshError, utf8DecodeLossy } from "@nacre/wire";
import type { RemoteIdentity } from "nacre/extend";
import type { CryptoChoice } from "../crypto/private-key.ts";
import { showPath } from "../windows/system.ts";
import type { AddedKeys, AddingOptions } from "./added-keys.ts";
import { certificateInFile, certificateText, isPresentable } from "./certified-identity.ts";
import { expandHome, inFile, readIfThere } from "./files.ts";
import { assertPrivate, decryptKey, openKeyFile } from "./key-file.ts";

/** Passphrase of a key file, or a function that returns it; see the option `passphrase` of `connect`. */
export type PassphraseSource =
  | string
  | ((file: string, attempt: number) => string | undefined | Promise<string | undefined>);

/** Options of a login for opening its key files. */
export interface FileOptions extends AddingOptions {
  readonly passphrase: PassphraseSource | undefined;
  readonly crypto: CryptoChoice | undefined;
  /** Least size of RSA keys in bits; default 2,048. */
  readonly minRsaBits?: number | undefined;
  /** Home folder of the account that runs this process. If `undefined`, there are no default key files. */
  readonly home: string | undefined;
  /** Whether `id_x-cert.pub` is looked for beside `id_x`. As in ssh(1), not if certificates are named. */
  readonly findsCertificates: boolean;
  /** Aborts when the keys are no longer needed; cancels decryption. */
  readonly signal: AbortSignal;
}

/** Maximum number of passphrase attempts per key. */
const PASSPHRASE_ATTEMPTS = 3;

/** A login key, and whether the agent signs in its place if it holds the key. */
export interface Candidate {
  /** The plain key. */
  readonly publicKey: PublicKey;
  /** Certificate to present in place of the key. */
  readonly certificate: Certificate | undefined;
  readonly isFile: boolean;
  /**
   * Returns what signs with the plain key if no agent holds it; `undefined` to leave it out. Throws an error that ends the login. It is
   * called once.
   */
  own(): PrivateKey | RemoteIdentity | undefined;
}

const CERTIFICATE_END = "-cert.pub";

/** Opens a file that need not exist. A problem is a warning. */
export async function openDefaultFile(file: string, added: AddedKeys, options: FileOptions): Promise<Candidate[]> {
  try {
    return (await openFile(file, added, options, false)) ?? [];
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    options.warn(error.message);
    return [];
  }
}

/** Opens a file that must exist. */
export async function openNamedFile(file: string, added: AddedKeys, options: FileOptions): Promise<Candidate[]> {
  const found = await openFile(file, added, options, true);
  if (found === undefined) throw new SshError("file-unreadable", `cannot read ${showPath(file)}: no such file`);
  return found;
}

/** Returns the key of a file after its certificate, whose key may also be in the agent. `undefined`: there is no such file. */
async function openFile(
  file: string,
  added: AddedKeys,
  options: FileOptions,
  named: boolean,
): Promise<Candidate[] | undefined> {
  const bytes = await readIfThere(expandHome(file, options.home));
  const own = bytes && certificateOf(file, bytes);
  if (own !== undefined) return openCertificate(file, own, added, options, named);
  const key = bytes && (await openIdentity(file, bytes, added, options, named));
  const certificate = options.findsCertificates ? await certificateBeside(file, key?.publicKey, options) : undefined;
  if (certificate === undefined) return key && [key];
  return key === undefined ? [keyless(file, certificate, named)] : [{ ...key, certificate }, key];
}

/** Returns the certificate of a key file; `undefined` if there is none. A problem is a warning. */
async function certificateBeside(
  file: string,
  publicKey: PublicKey | undefined,
  { home, warn }: FileOptions,
): Promise<Certificate | undefined> {
  const path = `${file.replace(/\.pub$/, "")}${CERTIFICATE_END}`;
  try {
    const bytes = await readIfThere(expandHome(path, home));
    const certificate = bytes && certificateOf(path, bytes);
    if (certificate === undefined || !isPresentable(certificate, (text) => warn(`${showPath(path)}: ${text}`)))
      return undefined;
    if (publicKey === undefined || isSameKey(certificate.publicKey, publicKey)) return certificate;
    warn(`${showPath(path)}: ${certificateText(certificate)} is not that of ${showPath(file)}`);
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    warn(error.message);
  }
  return undefined;
}

/** Opens a certificate that was named, and the private key beside it if there is one. */
async function openCertificate(
  file: string,
  certificate: Certificate,
  added: AddedKeys,
  options: FileOptions,
  named: boolean,
): Promise<Candidate[]> {
  if (!isPresentable(certificate, (text) => options.warn(`${showPath(file)}: ${text}`))) return [];
  const keyFile = file.endsWith(CERTIFICATE_END) ? file.slice(0, -CERTIFICATE_END.length) : undefined;
  const bytes = keyFile && (await readIfThere(expandHome(keyFile, options.home)));
  const key = keyFile && bytes ? await openIdentity(keyFile, bytes, added, options, named) : undefined;
  return key !== undefined && isSameKey(key.publicKey, certificate.publicKey)
    ? [{ ...key, certificate }]
    : [keyless(file, certificate, named)];
}

/** Returns a certificate whose private key is in the agent or among the other keys. */
function keyless(file: string, certificate: Certificate, named: boolean): Candidate {
  const own = (): undefined => {
    if (!named) return undefined;
    throw new SshError(
      "file-unreadable",
      `${showPath(file)}: the private key of ${certificateText(certificate)} is neither beside it nor in the agent; name its file too`,
    );
  };
  return { publicKey: certificate.publicKey, certificate, isFile: true, own };
}

function certificateOf(file: string, bytes: Uint8Array): Certificate | undefined {
  try {
    return certificateInFile(bytes);
  } catch (cause) {
    throw inFile(file, cause);
  }
}

async function openIdentity(
  file: string,
  bytes: Uint8Array,
  added: AddedKeys,
  options: FileOptions,
  named: boolean,
): Promise<Candidate> {
  const candidate = (publicKey: PublicKey, own: Candidate["own"]): Candidate => ({
    publicKey,
    certificate: undefined,
    isFile: true,
    own: once(own),
  });
  try {
    // As in OpenSSH, a public key file may select a key held by the agent.
    const publicHalf = publicKeyOf(bytes, options);
    // Only check private keys: public keys may be world-readable.
    // rule: identity-private
    if (publicHalf === undefined) await assertPrivate(expandHome(file, options.home));
    let opened: PrivateKeyFile;
    try {
      opened = await openKeyFile(bytes, options.crypto, options.minRsaBits);
    } catch (cause) {
      // That of a security key needs no file beside it, and must not stop a login with another key.
      const inside = publicHalf === undefined ? securityKeyIn(bytes) : undefined;
      const publicKey = publicHalf ?? inside;
      if (publicKey === undefined) throw cause;
      return candidate(publicKey, () => {
        if (named) throw inFile(file, cause);
        if (inside === undefined) options.warn((inFile(file, cause) as Error).message);
        return undefined;
      });
    }
    if (!opened.encrypted) {
      const { privateKey, comment } = opened;
      return candidate(privateKey.publicKey, () => added.watched({ privateKey, comment }, file));
    }
    const locked = opened;
    const publicKey =
      opened.publicKey ?? publicKeyOf(await readIfThere(`${expandHome(file, options.home)}.pub`), options);
    if (publicKey !== undefined)
      return candidate(publicKey, () => lockedIdentity(file, locked, publicKey, added, options, named));
    if (!named) throw new SshError("passphrase-needed", `the private key is encrypted, and ${file}.pub is missing`);
    const unlocked = await unlock(file, opened, options);
    if (unlocked === undefined) throw passphraseNeeded();
    return candidate(unlocked.privateKey.publicKey, () => added.watched(unlocked, file));
  } catch (cause) {
    throw inFile(file, cause);
  }
}

/** Returns the public key in the private key file of a security key; `undefined` for any other file. */
function securityKeyIn(bytes: Uint8Array): PublicKey | undefined {
  try {
    const publicKey = publicKeyInside(bytes);
    return publicKey?.format.startsWith("sk-") ? publicKey : undefined;
  } catch {
    return undefined;
  }
}

function publicKeyOf(bytes: Uint8Array | undefined, bounds: KeyBounds): PublicKey | undefined {
  try {
    return bytes && parsePublicKeyFile(utf8DecodeLossy(bytes), bounds).publicKey;
  } catch {
    return undefined;
  }
}

/** Returns an encrypted key. Its passphrase is requested only after the server accepts the public key. */
function lockedIdentity(
  file: string,
  opened: EncryptedKeyFile,
  publicKey: PublicKey,
  added: AddedKeys,
  options: FileOptions,
  named: boolean,
): RemoteIdentity {
  let unlocked: UnlockedKey | undefined;
  return {
    publicKey,
    comment: file,
    async sign(algorithm, data) {
      try {
        unlocked ??= await unlock(file, opened, options);
        if (unlocked === undefined && options.passphrase === undefined && named) throw passphraseNeeded();
        if (unlocked !== undefined && !isSameKey(unlocked.privateKey.publicKey, publicKey))
          throw new SshError("key-malformed", "the private key does not match the public key in its `.pub` file");
        if (unlocked !== undefined) added.used(unlocked, file);
        return unlocked?.privateKey.sign(algorithm, data, options.random);
      } catch (cause) {
        // For a default key file, skip the key: the next one may be accepted.
        if (!named && cause instanceof SshError && cause.code === "passphrase-wrong") return undefined;
        throw inFile(file, cause);
      }
    },
  };
}

/** Returns the decrypted key, or `undefined` if no passphrase was given. Throws `passphrase-wrong` after the last wrong attempt. */
async function unlock(
  file: string,
  opened: EncryptedKeyFile,
  { passphrase: source, crypto, minRsaBits, signal }: FileOptions,
): Promise<UnlockedKey | undefined> {
  for (let attempt = 1; ; attempt++) {
    const passphrase = typeof source === "function" ? await source(file, attempt) : source;
    if (passphrase === undefined) return undefined;
    try {
      return await decryptKey(opened, passphrase, crypto, { minRsaBits, signal });
    } catch (error) {
      const again = typeof source === "function" && attempt < PASSPHRASE_ATTEMPTS;
      if (!again || !(error instanceof SshError) || !isPassphraseError(error)) throw error;
    }
  }
}

function isPassphraseError({ code }: SshError): boolean {
  return code === "passphrase-wrong" || code === "passphrase-needed";
}

function passphraseNeeded(): SshError {
  return new SshError(
    "passphrase-needed",
    "the private key is encrypted; set `passphrase`, or add the key to ssh-agent",
  );
}

/** Returns a function that calls another once, and remembers its result. */
function once<T>(call: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: call() };
    return made.value;
  };
}

/** Returns whether two blobs are equal: not whether a certificate is that of a key. */
export function isSameKey(one: PublicKey, other: PublicKey): boolean {
  return equalBytes(one.blob, other.blob);
}
