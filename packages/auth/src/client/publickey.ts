import {
  type AskToken,
  askToken,
  equalBytes,
  Reader,
  SSH_MSG_USERAUTH_PK_OK,
  SshError,
  userauthPublickey,
  userauthSignedData,
} from "@nacre/wire";
import { SERVICE_CONNECTION } from "../services.ts";

import type { ClientMethodHost, Identity } from "./types.ts";

interface KeyChoice {
  readonly identity: Identity;
  /** Name of the signature algorithm. */
  readonly algorithm: string;
}

/** Public key authentication (RFC 4252 §7). */
export type PublickeyState = { readonly method: "publickey" } & KeyChoice &
  (
    | /** The server was asked whether it accepts the key. */ { readonly kind: "queried" }
    | { readonly kind: "asked"; readonly token: AskToken }
    | /** A request with the signature awaits its answer. */ { readonly kind: "sent" }
  );

/** Why the client could not sign with a key. */
export interface CannotSign {
  readonly cannotSign: string;
}

/** Queries whether the server accepts the key. A refused query saves the user or agent from making a useless signature. */
export function queryKey(host: ClientMethodHost, { identity, algorithm }: KeyChoice): PublickeyState {
  const publicKey = identity.publicKey.blob;
  host.request("publickey", userauthPublickey.encode({ algorithm, publicKey, signature: undefined }));
  return { method: "publickey", kind: "queried", identity, algorithm };
}

/** Signs with the key in memory, or asks the application for the signature. */
export function signWithKey(host: ClientMethodHost, { identity, algorithm }: KeyChoice): PublickeyState | CannotSign {
  const { sessionId, userName, random } = host.options;
  const data = userauthSignedData(
    sessionId,
    { userName, serviceName: SERVICE_CONNECTION },
    { algorithm, publicKey: identity.publicKey.blob },
  );
  if (identity.privateKey === undefined) {
    const token = askToken("sign");
    host.emit({ type: "sign", token, identity, algorithm, data });
    return { method: "publickey", kind: "asked", identity, algorithm, token };
  }
  try {
    return sendSignature(host, { identity, algorithm }, identity.privateKey.sign(algorithm, data, random));
  } catch (error) {
    if (error instanceof SshError) return { cannotSign: error.message };
    throw error;
  }
}

/**
 * Handles SSH_MSG_USERAUTH_PK_OK: the server accepts the key. Throws `unexpected-message` unless it names exactly the key and algorithm of
 * the query.
 */
export function receivePkOk(
  host: ClientMethodHost,
  state: Extract<PublickeyState, { kind: "queried" }>,
  payload: Uint8Array,
): PublickeyState | CannotSign {
  const { algorithm, publicKey } = SSH_MSG_USERAUTH_PK_OK.decode(payload);
  // rule: pk-ok-algorithm
  if (algorithm !== state.algorithm)
    throw new SshError(
      "unexpected-message",
      `the server answered a query about ${state.algorithm} with the algorithm ${algorithm.slice(0, 64)}`,
    );
  if (!equalBytes(publicKey, state.identity.publicKey.blob))
    throw new SshError("unexpected-message", "the server answered a query about one key with another key");
  return signWithKey(host, state);
}

export function sendSignature(
  host: ClientMethodHost,
  { identity, algorithm }: KeyChoice,
  signature: Uint8Array,
): PublickeyState | CannotSign {
  // An agent that ignores the RSA flags signs with SHA-1 instead (RFC 8332 §3.3). Such a signature must never be sent.
  const made = signatureAlgorithm(signature);
  // rule: signature-as-asked
  if (made !== algorithm)
    return { cannotSign: `expected a signature of ${algorithm}, got ${made ?? "a malformed one"}` };
  host.request("publickey", userauthPublickey.encode({ algorithm, publicKey: identity.publicKey.blob, signature }));
  return { method: "publickey", kind: "sent", identity, algorithm };
}

/** Returns the algorithm name inside a signature blob (RFC 4253 §6.6), or `undefined` if it is malformed. */
function signatureAlgorithm(signature: Uint8Array): string | undefined {
  try {
    return new Reader(signature, "signature").name("algorithm").slice(0, 64);
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
}
