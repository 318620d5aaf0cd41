import type { PublicKey, SignatureAlgorithm, SignatureFacts, SignatureNames } from "@nacre/keys";
import { RSA_BITS } from "@nacre/keys/internal";
import {
  type Bytes,
  copyBytes,
  type Extension,
  equalBytes,
  HOST_BOUND,
  isBytes,
  type LoginMessage,
  Reader,
  SSH_MSG_USERAUTH_PK_OK,
  SshError,
  type UserauthPublickey,
  userauthHostBound,
  userauthPublickey,
  userauthSignedData,
  utf8Encode,
  Writer,
} from "@nacre/wire";
import { SERVICE_CONNECTION } from "../services.ts";
import type { ClientAttempt, ClientLogin, ClientLoginOptions, ClientMethod, Identity } from "./client-method.ts";
import { invalidAnswer, isRefusal } from "./messages.ts";
import type { Factor, LoginKey, LoginSubject, ServerLoginOptions, ServerMethod } from "./server-method.ts";

/** Asks a client for a signature blob of `algorithm` over `data`. `undefined`: the key cannot sign; the next key or method is tried. */
export interface ClientSignAsk {
  readonly type: "sign";
  readonly identity: Identity;
  readonly algorithm: string;
  readonly data: Bytes;
}

/** Asks a client for its keys, an array of `Identity`, if they are not among the options. */
export interface ClientIdentitiesAsk {
  readonly type: "identities";
}

/** An ask of a server's "publickey" method. */
export type ServerKeyAsk =
  /**
   * Asks whether a login with this key could succeed: true, false or a `LoginRefusal`. A query proves nothing about the client, and no
   * answer to it logs in.
   */
  | ({ readonly type: "query" } & LoginKey)
  /**
   * Asks for a verdict. The signature was verified, so the client holds the private key. `signature` is its blob, and `signedData` what it
   * covers; copies.
   */
  | ({ readonly type: "publickey"; readonly signature: Bytes; readonly signedData: Bytes } & LoginKey);

const name = "publickey";
const messages: readonly LoginMessage[] = [
  {
    message: SSH_MSG_USERAUTH_PK_OK,
    sender: "server",
    describe: (payload) => SSH_MSG_USERAUTH_PK_OK.decode(payload).algorithm,
  },
];

/** Extension of a server that accepts host-bound logins (OpenSSH PROTOCOL §3.1). */
export const HOST_BOUND_EXTENSION: Extension = { name: "publickey-hostbound@openssh.com", value: utf8Encode("0") };

const variants: readonly string[] = [HOST_BOUND];

function decodeRequest(methodData: Uint8Array, methodName: string): UserauthPublickey {
  return (methodName === HOST_BOUND ? userauthHostBound : userauthPublickey).decode(methodData);
}

function describeRequest(
  methodData: Uint8Array,
  methodName: string,
  describeCertificate: (publicKey: Uint8Array) => string,
): string {
  const { algorithm, publicKey, signature } = decodeRequest(methodData, methodName);
  return `${algorithm} ${signature === undefined ? "query" : "signed"}${describeCertificate(publicKey)}`;
}

/**
 * Public key authentication (RFC 4252 §7). A single key in memory signs at once, and so do its certificates. Others are queried first,
 * which saves the user or agent from making a useless signature. They then sign host-bound if the server supports it, which agents require
 * to log in from a host that they are forwarded to. Queries are never host-bound, as in OpenSSH.
 */
export const clientPublickey: ClientMethod = {
  name,
  isSecretless: true,
  variants,
  messages,
  describeRequest,
  start(login) {
    let keys = login.options.identities?.map(untried);
    const supported = ({ identity }: Key): readonly SignatureNames[] => {
      const { publicKey, algorithm } = identity;
      if (isShort(publicKey)) return [];
      return algorithm === undefined
        ? publicKey.algorithms.filter(({ signatureName }) => login.serverSigAlgs()?.includes(signatureName) ?? true)
        : publicKey.algorithms.filter(({ name }) => name === algorithm);
    };
    // rule: own-rsa-bits
    const isShort = (key: PublicKey): boolean =>
      (key.certifies ?? key).format === "ssh-rsa" && key.bits < (login.options.minRsaBits ?? RSA_BITS.default);
    return {
      begin() {
        if (keys === undefined) {
          login.ask({ type: "identities" } satisfies ClientIdentitiesAsk, (answer) => {
            if (!Array.isArray(answer)) throw invalidAnswer("identities");
            keys = (answer as readonly Identity[]).map(untried);
            login.next();
          });
          return true;
        }
        // Keys that the server refused come last.
        for (const state of ["new", "refused"] as const)
          for (const key of keys.filter((one) => one.state === state)) {
            const algorithm = supported(key).find((one) => !key.tried.has(one.name));
            if (algorithm === undefined) continue;
            key.tried.add(algorithm.name);
            const isSingle = keys.every(
              (one) => supported(one).length === 0 || equalBytes(plainBlob(one.identity), plainBlob(key.identity)),
            );
            const { privateKey, isQueried = !isSingle || privateKey === undefined } = key.identity;
            // Never host-bound: it may leave before the server's extensions arrive.
            if (!isQueried) sign(login, { key, algorithm, hostKey: undefined });
            else query(login, { key, algorithm });
            return true;
          }
        return false;
      },
      notes: () =>
        (keys ?? [])
          .filter((key) => key.tried.size === 0 && key.state !== "over" && supported(key).length === 0)
          .map(({ identity }) => {
            const { algorithms, bits } = identity.publicKey;
            const names = algorithms.map((algorithm) => algorithm.name).join(", ");
            const why = isShort(identity.publicKey)
              ? `it has ${bits} bits, fewer than \`minRsaBits\``
              : `the server supports none of its algorithms (${names})`;
            return `skipped ${describeKey(identity, login.options)} because ${why}`;
          }),
    };
  },
};

function untried(identity: Identity): Key {
  return { identity, tried: new Set(), state: "new" };
}

/** An identity of the list, and its state. */
interface Key {
  readonly identity: Identity;
  /** Names of the algorithms already tried with this key; the server refused each, or may have. */
  readonly tried: Set<string>;
  /** "refused": with an algorithm that the server supports. "over": the key succeeded or cannot sign. */
  state: "new" | "refused" | "over";
}

interface KeyChoice {
  readonly key: Key;
  readonly algorithm: SignatureNames;
}

/** A signature to make. With `hostKey` it is host-bound. */
interface Signing extends KeyChoice {
  readonly hostKey: Uint8Array | undefined;
}

function query(login: ClientLogin, choice: KeyChoice): void {
  const { algorithm, key } = choice;
  const publicKey = key.identity.publicKey.blob;
  const attempt: ClientAttempt = {
    /**
     * The server accepts the key. It must name exactly the key and algorithm of the query. ssh2's server names the format of an RSA key in
     * place of the algorithm, and OpenSSH's client accepts that, too.
     */
    receive(payload) {
      const ok = SSH_MSG_USERAUTH_PK_OK.decode(payload);
      // rule: pk-ok-algorithm
      if (ok.algorithm !== algorithm.name && ok.algorithm !== key.identity.publicKey.format)
        throw new SshError(
          "unexpected-message",
          `the server answered a query about ${algorithm.name} with the algorithm ${ok.algorithm.slice(0, 64)}`,
        );
      if (!equalBytes(ok.publicKey, publicKey))
        throw new SshError("unexpected-message", "the server answered a query about one key with another key");
      const { announces, hostKey } = login.options;
      sign(login, { ...choice, hostKey: announces?.(HOST_BOUND_EXTENSION) ? hostKey : undefined });
    },
    failed: (accepted) => answered(login, choice, accepted),
  };
  const request = userauthPublickey.encode({ algorithm: algorithm.name, publicKey, signature: undefined });
  login.request(request, attempt, "queried");
}

/** Signs with the key in memory, or asks the application for the signature. */
function sign(login: ClientLogin, choice: Signing): void {
  const { sessionId, userName, random } = login.options;
  const { hostKey } = choice;
  const { identity } = choice.key;
  const algorithm = choice.algorithm.name;
  const signed = { algorithm, publicKey: identity.publicKey.blob, hostKey };
  const data = userauthSignedData(sessionId, { userName, serviceName: SERVICE_CONNECTION }, signed);
  if (identity.privateKey === undefined) {
    login.ask({ type: "sign", identity, algorithm, data } satisfies ClientSignAsk, (signature) => {
      if (signature === undefined) return cannotSign(login, choice, "no signature was provided");
      if (!isBytes(signature)) throw invalidAnswer("sign");
      sendSignature(login, choice, signature);
    });
    return;
  }
  let signature: Uint8Array;
  try {
    signature = identity.privateKey.sign(algorithm, data, random);
  } catch (error) {
    if (error instanceof SshError) return cannotSign(login, choice, error.message);
    throw error;
  }
  sendSignature(login, choice, signature);
}

function sendSignature(login: ClientLogin, choice: Signing, signature: Uint8Array): void {
  const { key, hostKey } = choice;
  const { name: algorithm, signatureName } = choice.algorithm;
  // An agent that ignores the RSA flags signs with SHA-1 instead (RFC 8332 §3.3). Such a signature must never be sent.
  const made = signatureAlgorithm(signature);
  // rule: signature-as-asked
  if (made !== signatureName)
    return cannotSign(login, choice, `expected a signature of ${signatureName}, got ${made ?? "a malformed one"}`);
  const request = userauthPublickey.encode({ algorithm, publicKey: key.identity.publicKey.blob, signature, hostKey });
  const variant = hostKey && HOST_BOUND;
  login.request(request, { failed: (accepted) => answered(login, choice, accepted) }, "signed", variant);
}

function cannotSign(login: ClientLogin, { key }: KeyChoice, why: string): void {
  key.state = "over";
  login.note(`cannot sign with ${describeKey(key.identity, login.options)}: ${why}`);
  login.next();
}

/** Records the server's answer, and returns the name of the attempt. */
function answered(login: ClientLogin, { key, algorithm }: KeyChoice, accepted: boolean): string {
  if (accepted) key.state = "over";
  // A server that does not accept keys yet has not looked at this one. It is tried again after another method.
  else if (!login.canContinue()?.includes(name)) key.tried.delete(algorithm.name);
  // The server supports the algorithm, so it probably refused the key itself. But OpenSSH also lists algorithms that its
  // PubkeyAcceptedAlgorithms forbids. So the key's other algorithms are still tried, after all other keys.
  else if (login.serverSigAlgs()?.includes(algorithm.signatureName)) key.state = "refused";
  return `publickey (${describeKey(key.identity, login.options)}, ${algorithm.name})`;
}

/** Returns the fingerprint of the key, or of that in a certificate; the format if no `fingerprint` function was given. */
function describeKey(identity: Identity, { fingerprint }: ClientLoginOptions): string {
  return fingerprint?.(plainBlob(identity)) ?? identity.publicKey.format;
}

/** Returns the blob of the key without its certificate. */
function plainBlob({ publicKey }: Identity): Uint8Array {
  return (publicKey.certifies ?? publicKey).blob;
}

/** Returns the algorithm name inside a signature blob (RFC 4253 §6.6), or `undefined` if it is malformed. */
function signatureAlgorithm(signature: Uint8Array): string | undefined {
  return firstName(signature, "signature")?.slice(0, 64);
}

/**
 * Verifies the signature of a login before the application is asked, so it never sees an unproved login. The client may first query whether
 * a key is acceptable.
 */
export const serverPublickey: ServerMethod = {
  name,
  variants,
  extensions: [HOST_BOUND_EXTENSION],
  messages,
  describeRequest,
  begin(attempt, methodData, methodName) {
    const { options, subject, progress } = attempt;
    const { algorithm: algorithmName, publicKey: blob, signature, hostKey } = decodeRequest(methodData, methodName);
    if (signature === undefined) progress.countQuery();
    const algorithm = options.signatureAlgorithms.find((one) => one.name === algorithmName);
    // The key exactly as the client sent it; the signature covers it, and SSH_MSG_USERAUTH_PK_OK repeats it.
    const sent: LoginKey = { algorithm: algorithmName, publicKey: copyBytes(blob) };
    const publicKey = algorithm === undefined ? sent.publicKey : inKeyFormat(sent.publicKey, algorithm);
    const signedData = userauthSignedData(options.sessionId, subject, { ...sent, hostKey });
    const refuseQuery = (methods?: readonly string[]): void => {
      progress.countRefusedQuery();
      attempt.refuse(methods);
    };
    // Verification runs before the user name is looked up, so the time of the reply does not reveal which users exist.
    const isKey = algorithm !== undefined && keyFormat(publicKey) === algorithm.keyFormat;
    const facts = /* rule: same-work */ isKey ? proved(algorithm, publicKey, signedData, signature) : undefined;
    const key: LoginKey = { algorithm: algorithmName, publicKey, ...facts };
    const isRefused =
      facts === undefined ||
      wasUsed(subject, key) ||
      /* rule: host-bound-key */ (hostKey !== undefined && !isHostKey(hostKey, options)) ||
      /* rule: login-authority-algorithm */ !isAcceptedAuthority(key, options);
    if (isRefused) return signature === undefined ? refuseQuery() : attempt.fail();
    const proof =
      signature === undefined
        ? ({ type: "query" } as const)
        : ({ type: "publickey", signature: copyBytes(signature), signedData } as const);
    // rule: asked-key
    attempt.ask({ ...proof, ...key } satisfies ServerKeyAsk, (answer) => {
      if (proof.type === "publickey") return attempt.judge(factorOf(key), answer);
      if (answer === true) attempt.reply(SSH_MSG_USERAUTH_PK_OK.encode(sent));
      else if (answer === false) refuseQuery();
      else if (isRefusal(answer)) refuseQuery(answer.failure);
      else throw invalidAnswer("query");
    });
  },
};

function isHostKey(blob: Uint8Array, { hostKey }: ServerLoginOptions): boolean {
  return hostKey !== undefined && equalBytes(blob, hostKey);
}

/** Returns whether the key was already accepted as a factor. The same key cannot be a second factor, nor can a certificate of it. */
function wasUsed({ factors }: LoginSubject, { publicKey, certificate }: LoginKey): boolean {
  const plainKey = certificate?.publicKey.blob ?? publicKey;
  return factors.some((factor) => {
    if (factor.method === "publickey") return equalBytes(factor.publicKey, plainKey);
    // rule: plain-key-once
    return factor.method === "certificate" && equalBytes(factor.certificate.publicKey.blob, plainKey);
  });
}

function factorOf({ publicKey, certificate, ...signed }: LoginKey): Factor {
  return certificate === undefined
    ? { method: "publickey", publicKey, ...signed }
    : { method: "certificate", certificate, ...signed };
}

/** Returns whether an accepted algorithm of the authority signed the certificate, if there is one. */
function isAcceptedAuthority({ certificate }: LoginKey, { authorityAlgorithms }: ServerLoginOptions): boolean {
  if (certificate === undefined) return true;
  const { isVerified, signatureAlgorithm } = certificate;
  return isVerified && (authorityAlgorithms?.some(({ name }) => name === signatureAlgorithm) ?? true);
}

/** Returns the facts of a valid signature, or of a query, which has only the certificate. `undefined`: the key or signature is invalid. */
function proved(
  algorithm: SignatureAlgorithm,
  publicKey: Uint8Array,
  data: Uint8Array,
  signature: Uint8Array | undefined,
): SignatureFacts | undefined {
  try {
    // rule: login-signature
    if (signature !== undefined) return algorithm.verify(publicKey, data, signature);
    return algorithm.certificate === undefined ? {} : { certificate: algorithm.certificate(publicKey) };
  } catch {
    // Any error during verification means that the signature is not valid.
    return undefined;
  }
}

/** Returns the key format named in a public key blob (RFC 4253 §6.6), or `undefined` if the blob is malformed. */
function keyFormat(publicKey: Uint8Array): string | undefined {
  return firstName(publicKey, "public key");
}

function firstName(bytes: Uint8Array, what: string): string | undefined {
  try {
    return new Reader(bytes, what).name("format");
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
}

/**
 * Returns the blob with its proper key format name. dev-tunnels puts the signature algorithm there (`rsa-sha2-512` instead of `ssh-rsa`),
 * against RFC 8332 §3, and OpenSSH accepts that. The signature still covers the blob as sent.
 */
function inKeyFormat(blob: Bytes, { name: algorithm, keyFormat: format }: SignatureAlgorithm): Bytes {
  if (keyFormat(blob) !== algorithm || algorithm === format) return blob;
  const reader = new Reader(blob, "public key");
  reader.name("format");
  return new Writer(blob.length).string(format).raw(reader.rest()).finish();
}
