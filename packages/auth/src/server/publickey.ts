import type { SignatureAlgorithm } from "@nacre/keys";
import {
  type AskToken,
  askToken,
  type Bytes,
  copyBytes,
  Reader,
  SSH_MSG_USERAUTH_PK_OK,
  SshError,
  userauthPublickey,
  userauthSignedData,
  Writer,
} from "@nacre/wire";

import type { AuthProgress } from "./auth-progress.ts";
import type { LoginKey, LoginSubject, ServerMethodDriver } from "./types.ts";

/** The application is asked about a key (RFC 4252 §7). */
export type PublickeyState = {
  readonly kind: "asked";
  readonly token: AskToken;
  readonly subject: LoginSubject;
  readonly key: LoginKey;
  /** The same as the client sent it, which PK_OK repeats. */
  readonly sent: LoginKey;
} & (
  | /** Whether it would do. */ { readonly about: "query" }
  | /** After its signature was verified, and only then. */ { readonly about: "publickey" }
);

/** A query, or a login with a signature that is verified before the application learns of it. `undefined`: refused, and counted. */
export function receivePublickey(
  driver: ServerMethodDriver,
  progress: AuthProgress,
  subject: LoginSubject,
  methodData: Uint8Array,
): PublickeyState | undefined {
  const { algorithm: name, publicKey: blob, signature } = userauthPublickey.decode(methodData);
  const about = signature === undefined ? "query" : "publickey";
  if (about === "query") progress.countQuery();
  const algorithm = driver.options.signatureAlgorithms.find((one) => one.name === name);
  const sent: LoginKey = { algorithm: name, publicKey: copyBytes(blob) };
  const publicKey = algorithm === undefined ? sent.publicKey : inKeyFormat(sent.publicKey, algorithm);
  const key: LoginKey = { algorithm: name, publicKey };
  const signedData = userauthSignedData(driver.options.sessionId, subject, sent);
  // The work is the same for every user name, and is done before anybody looks at it: a reply's time tells nothing.
  const refused =
    /* rule: same-work */ algorithm === undefined ||
    keyFormat(publicKey) !== algorithm.keyFormat ||
    progress.hasUsed(publicKey) ||
    /* rule: login-signature */ (signature !== undefined && !verified(algorithm, publicKey, signedData, signature));
  if (refused) {
    if (about === "publickey") progress.countFailure();
    else progress.countRefusedQuery();
    return undefined;
  }
  const token = askToken(about);
  // rule: asked-key
  driver.emit({ type: about, token, ...subject, ...key });
  return { kind: "asked", about, token, subject, key, sent };
}

export function sendPkOk(driver: ServerMethodDriver, key: LoginKey): void {
  driver.options.sink.write(SSH_MSG_USERAUTH_PK_OK.encode(key));
}

function verified(
  algorithm: SignatureAlgorithm,
  publicKey: Uint8Array,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    return algorithm.verify(publicKey, data, signature);
  } catch {
    // Whatever goes wrong while a signature is looked at, it is not a good one.
    return false;
  }
}

/** The format that a key's blob names (RFC 4253 §6.6). */
function keyFormat(publicKey: Uint8Array): string | undefined {
  try {
    return new Reader(publicKey, "public key").name("format");
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
}

/**
 * Returns the blob under the name of its key format. dev-tunnels puts the signature algorithm there, `rsa-sha2-512` for `ssh-rsa`,
 * against RFC 8332 §3, and OpenSSH lets it in. The signature is over the blob as it was sent.
 */
function inKeyFormat(blob: Bytes, { name, keyFormat: format }: SignatureAlgorithm): Bytes {
  if (keyFormat(blob) !== name || name === format) return blob;
  const reader = new Reader(blob, "public key");
  reader.name("format");
  return new Writer(blob.length).string(format).raw(reader.rest()).finish();
}
