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

import type { ClientMethodDriver, Identity } from "./types.ts";

interface KeyChoice {
  readonly identity: Identity;
  /** Name of the signature algorithm. */
  readonly algorithm: string;
}

/** Public key authentication (RFC 4252 §7). */
export type PublickeyState = { readonly method: "publickey" } & KeyChoice &
  (
    | /** Whether this key would do. */ { readonly kind: "queried" }
    | { readonly kind: "asked"; readonly token: AskToken }
    | /** With its signature. */ { readonly kind: "sent" }
  );

/** Why a key that the server may accept came to nothing. */
export interface CannotSign {
  readonly cannotSign: string;
}

/** Asks the server whether it would take the key, so that a person or an agent is not troubled for nothing. */
export function queryKey(driver: ClientMethodDriver, { identity, algorithm }: KeyChoice): PublickeyState {
  const publicKey = identity.publicKey.blob;
  driver.request("publickey", userauthPublickey.encode({ algorithm, publicKey, signature: undefined }));
  return { method: "publickey", kind: "queried", identity, algorithm };
}

/** Signs with the key in memory, or asks for the signature. */
export function signWithKey(
  driver: ClientMethodDriver,
  { identity, algorithm }: KeyChoice,
): PublickeyState | CannotSign {
  const { sessionId, userName, random } = driver.options;
  const data = userauthSignedData(
    sessionId,
    { userName, serviceName: SERVICE_CONNECTION },
    { algorithm, publicKey: identity.publicKey.blob },
  );
  if (identity.privateKey === undefined) {
    const token = askToken("sign");
    driver.emit({ type: "sign", token, identity, algorithm, data });
    return { method: "publickey", kind: "asked", identity, algorithm, token };
  }
  try {
    return sendSignature(driver, { identity, algorithm }, identity.privateKey.sign(algorithm, data, random));
  } catch (error) {
    if (error instanceof SshError) return { cannotSign: error.message };
    throw error;
  }
}

/** The server would take the key, and must name the very key and algorithm it was asked about. */
export function receivePkOk(
  driver: ClientMethodDriver,
  state: Extract<PublickeyState, { kind: "queried" }>,
  payload: Uint8Array,
): PublickeyState | CannotSign {
  const { algorithm, publicKey } = SSH_MSG_USERAUTH_PK_OK.decode(payload);
  // rule: pk-ok-algorithm
  if (algorithm !== state.algorithm)
    throw new SshError(
      "unexpected-message",
      `the server was asked about a key with ${state.algorithm} and answered for ${algorithm.slice(0, 64)}`,
    );
  if (!equalBytes(publicKey, state.identity.publicKey.blob))
    throw new SshError("unexpected-message", "the server answered for another key than the one it was asked about");
  return signWithKey(driver, state);
}

export function sendSignature(
  driver: ClientMethodDriver,
  { identity, algorithm }: KeyChoice,
  signature: Uint8Array,
): PublickeyState | CannotSign {
  // An agent that does not know the RSA flags signs with SHA-1 all the same (RFC 8332 §3.3): that never leaves.
  const made = signatureAlgorithm(signature);
  // rule: signature-as-asked
  if (made !== algorithm)
    return { cannotSign: `the signature made is ${made ?? "malformed"} where ${algorithm} was asked for` };
  driver.request("publickey", userauthPublickey.encode({ algorithm, publicKey: identity.publicKey.blob, signature }));
  return { method: "publickey", kind: "sent", identity, algorithm };
}

/** The name inside a signature blob (RFC 4253 §6.6). */
function signatureAlgorithm(signature: Uint8Array): string | undefined {
  try {
    return new Reader(signature, "signature").name("algorithm").slice(0, 64);
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
}
