import type { PrivateKey } from "@nacre/keys";
import {
  HOST_BOUND,
  SSH_MSG_USERAUTH_REQUEST,
  type UserauthPublickey,
  userauthHostBound,
  userauthKeyboardInteractive,
  userauthPassword,
  userauthPublickey,
  userauthSignedData,
} from "@nacre/wire";
import { seededRandom } from "../random.ts";

/** Fields that a login may change. */
interface Login {
  readonly userName?: string;
  readonly serviceName?: string;
}

/** Fields that a public key login may change. */
interface KeyLogin extends Login {
  /** Named algorithm; by default the first one of the key. */
  readonly algorithm?: string;
  /** Public key blob; by default that of the key. */
  readonly publicKey?: Uint8Array;
  /** Host key of a host-bound login. */
  readonly hostKey?: Uint8Array;
  /** Replaces the signature over the signed data. */
  readonly sign?: (data: Uint8Array) => Uint8Array;
}

function request(methodName: string, methodData: Uint8Array, login: Login): Uint8Array {
  const { userName = "alice", serviceName = "ssh-connection" } = login;
  return SSH_MSG_USERAUTH_REQUEST.encode({ userName, serviceName, methodName, methodData });
}

/** Encodes a public key login, signed for this session identifier. */
export function signedLogin(sessionId: Uint8Array, key: PrivateKey, change: KeyLogin = {}): Uint8Array {
  const { userName = "alice", serviceName = "ssh-connection" } = change;
  const { algorithm = key.publicKey.algorithms[0]!.name, publicKey = key.publicKey.blob } = change;
  const data = userauthSignedData(
    sessionId,
    { userName, serviceName },
    { algorithm, publicKey, hostKey: change.hostKey },
  );
  const signature = change.sign?.(data) ?? key.sign(algorithm, data, seededRandom(7));
  return keyRequest({ algorithm, publicKey, signature, hostKey: change.hostKey }, change);
}

/** Encodes a public key query without a signature (RFC 4252 §7). */
export function keyQuery(key: PrivateKey["publicKey"], change: KeyLogin = {}): Uint8Array {
  const { algorithm = key.algorithms[0]!.name, publicKey = key.blob } = change;
  return keyRequest({ algorithm, publicKey, signature: undefined, hostKey: change.hostKey }, change);
}

function keyRequest(fields: UserauthPublickey, change: KeyLogin): Uint8Array {
  if (fields.hostKey === undefined) return request("publickey", userauthPublickey.encode(fields), change);
  return request(HOST_BOUND, userauthHostBound.encode(fields), change);
}

export function passwordLogin(password: string, change: Login & { readonly newPassword?: string } = {}): Uint8Array {
  const { newPassword } = change;
  return request("password", userauthPassword.encode({ password, newPassword }), change);
}

export function keyboardInteractiveLogin(change: Login = {}): Uint8Array {
  return request(
    "keyboard-interactive",
    userauthKeyboardInteractive.encode({ languageTag: "", submethods: "" }),
    change,
  );
}

export function noneLogin(change: Login = {}): Uint8Array {
  return request("none", new Uint8Array(0), change);
}
