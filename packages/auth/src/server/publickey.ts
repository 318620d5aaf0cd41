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
import type { LoginKey, LoginSubject, ServerMethodHost } from "./types.ts";

/** Waiting for the application's decision about a key (RFC 4252 §7). */
export type PublickeyState = {
  readonly kind: "asked";
  readonly token: AskToken;
  readonly subject: LoginSubject;
  readonly key: LoginKey;
  /** The key exactly as the client sent it; SSH_MSG_USERAUTH_PK_OK repeats it. */
  readonly sent: LoginKey;
} & (
  | /** The client asked whether the key is acceptable. */ { readonly about: "query" }
  | /** A login whose signature was verified. */ { readonly about: "publickey" }
);

/**
 * Handles a key query or a signed login, and asks the application. Verifies the signature first, so the application never sees an unproved
 * login. Returns `undefined` if the request was refused; the refusal is already counted.
 */
export function receivePublickey(
  host: ServerMethodHost,
  progress: AuthProgress,
  subject: LoginSubject,
  methodData: Uint8Array,
): PublickeyState | undefined {
  const { algorithm: name, publicKey: blob, signature } = userauthPublickey.decode(methodData);
  const about = signature === undefined ? "query" : "publickey";
  if (about === "query") progress.countQuery();
  const algorithm = host.options.signatureAlgorithms.find((one) => one.name === name);
  const sent: LoginKey = { algorithm: name, publicKey: copyBytes(blob) };
  const publicKey = algorithm === undefined ? sent.publicKey : inKeyFormat(sent.publicKey, algorithm);
  const key: LoginKey = { algorithm: name, publicKey };
  const signedData = userauthSignedData(host.options.sessionId, subject, sent);
  // Verification runs before the user name is looked up, so the time of the reply does not reveal which users exist.
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
  host.emit({ type: about, token, ...subject, ...key });
  return { kind: "asked", about, token, subject, key, sent };
}

export function sendPkOk(host: ServerMethodHost, key: LoginKey): void {
  host.options.sink.write(SSH_MSG_USERAUTH_PK_OK.encode(key));
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
    // Any error during verification means that the signature is not valid.
    return false;
  }
}

/** Returns the key format named in a public key blob (RFC 4253 §6.6), or `undefined` if the blob is malformed. */
function keyFormat(publicKey: Uint8Array): string | undefined {
  try {
    return new Reader(publicKey, "public key").name("format");
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
}

/**
 * Returns the blob with its proper key format name. dev-tunnels puts the signature algorithm there (`rsa-sha2-512` instead of `ssh-rsa`),
 * against RFC 8332 §3, and OpenSSH accepts that. The signature still covers the blob as sent.
 */
function inKeyFormat(blob: Bytes, { name, keyFormat: format }: SignatureAlgorithm): Bytes {
  if (keyFormat(blob) !== name || name === format) return blob;
  const reader = new Reader(blob, "public key");
  reader.name("format");
  return new Writer(blob.length).string(format).raw(reader.rest()).finish();
}
