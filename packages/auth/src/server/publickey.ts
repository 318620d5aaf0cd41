import type { SignatureAlgorithm } from "@nacre/keys";
import { Reader, SSH_MSG_USERAUTH_PK_OK, SshError, userauthPublickey, userauthSignedData } from "@nacre/wire";
import type { AuthToken } from "../token.ts";
import type { Standing } from "./standing.ts";
import type { LoginKey, LoginSubject, ServerDriver } from "./types.ts";

/** The application is asked about a key (RFC 4252 §7). */
export type PublickeyState = {
  readonly step: "asked";
  readonly token: AuthToken;
  readonly subject: LoginSubject;
  readonly key: LoginKey;
} & (
  | /** Whether it would do. */ { readonly about: "query" }
  | /** After its signature was verified, and only then. */ { readonly about: "publickey" }
);

/** A query, or a login whose signature is verified before the application hears of it. `undefined`: refused, and counted. */
export function receivePublickey(
  driver: ServerDriver,
  standing: Standing,
  subject: LoginSubject,
  methodData: Uint8Array,
): PublickeyState | undefined {
  const { algorithm: name, publicKey, signature } = userauthPublickey.decode(methodData);
  const about = signature === undefined ? "query" : "publickey";
  if (about === "query") standing.countQuery();
  const algorithm = driver.options.signatureAlgorithms.find((one) => one.name === name);
  const key: LoginKey = { algorithm: name, publicKey };
  // The work is the same for every user name, and is done before anybody looks at it: a reply's time tells nothing.
  const refused =
    algorithm === undefined ||
    keyFormat(publicKey) !== algorithm.keyFormat ||
    standing.hasUsed(publicKey) ||
    (signature !== undefined && !verified(driver.options.sessionId, subject, algorithm, key, signature));
  if (refused) {
    if (about === "publickey") standing.countFailure();
    else standing.countRefusedQuery();
    return undefined;
  }
  const token = Symbol(about);
  driver.emit({ type: about, token, ...subject, ...key });
  return { step: "asked", about, token, subject, key };
}

export function sendPkOk(driver: ServerDriver, key: LoginKey): void {
  driver.options.sink.write(SSH_MSG_USERAUTH_PK_OK.encode(key));
}

function verified(
  sessionId: Uint8Array,
  subject: LoginSubject,
  algorithm: SignatureAlgorithm,
  key: LoginKey,
  signature: Uint8Array,
): boolean {
  try {
    return algorithm.verify(key.publicKey, userauthSignedData(sessionId, subject, key), signature);
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
