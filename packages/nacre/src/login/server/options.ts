import type { Factor } from "@nacre/auth";
import type {
  Certificate,
  PrivateKey,
  PublicKey,
  SignatureAlgorithm,
  SignatureFacts,
  SignatureNames,
} from "@nacre/keys/internal";
import { greetingLines, type KeyLogPort, type Limits, type ProtocolTrace, type TracePort } from "@nacre/protocol";
import type { TransportSettings } from "@nacre/transport";
import {
  type Bytes,
  checkLimit,
  MAX_MILLISECONDS,
  type Overrides,
  type Prompt,
  type RandomSource,
  type SshError,
} from "@nacre/wire";
import { checkKey, checkLimits, checkMinRsaBits, checkSignal, checkSoftwareVersion, usage } from "../../check.ts";
import { type AlgorithmOptions, type CryptoProvider, isAlgorithms } from "../../options/algorithms.ts";
import type { OptionRows } from "../../options/schema.ts";
import { checkRandom } from "../../random.ts";
import type { ForwardEvent } from "../../users/forward/server.ts";
import type { Permissions } from "../../users/permissions.ts";
import type { RequestRefused } from "../../users/server/server-user.ts";
import type { UserLimits, UserServeOptions } from "../../users/server-list.ts";
import { USER_OPTIONS } from "../../users/server-users.ts";
import type { BaseSession } from "../../users/session/base-session.ts";
import type { SessionEvent } from "../../users/session/server/server.ts";
import type { LoginMethod } from "../chosen-methods.ts";
import type { ConnectEvent } from "../client/events.ts";
import { SERVER_LIMITS } from "./limits.ts";
import type { ServerLoginMethod } from "./method.ts";

export const LOGIN_GRACE_TIME = 120_000;

/** A host key with the private key kept elsewhere, such as in an agent or a hardware module. Such keys are not announced to clients. */
export interface RemoteHostKey {
  readonly publicKey: PublicKey;
  /** Returns the signature blob over `data`, made with the named signature algorithm. A rejection ends the connection. */
  sign(algorithm: string, data: Bytes): Promise<Uint8Array>;
}

/** Facts of every login. */
export interface LoginFacts {
  /** User name as the client sent it; may be any text. Escape it before display. */
  readonly user: string;
  /** Factors accepted so far for this user on this connection, in a login that needs several. */
  readonly factors: readonly Factor[];
  /** Address of the client, from the option `remoteAddress`. */
  readonly remoteAddress: string | undefined;
}

/** Facts of a login with a key or a certificate. `flags`, `counter` and `origin` are those of a security key's signature. */
export interface SignedLogin extends LoginFacts, Omit<SignatureFacts, "certificate"> {
  /** Signature algorithm, such as `"rsa-sha2-512"`. */
  readonly algorithm: string;
  /**
   * True if the client's signature is verified: it holds the private key. False if the client only asks whether this key would be accepted.
   * Accepting such a query does not log the client in; the signed login is decided separately.
   */
  readonly signed: boolean;
  /** Signature blob of the client (RFC 4253 §6.6), if `signed`; a copy. It is verified already. */
  readonly signature?: Bytes;
  /** The bytes that `signature` covers (RFC 4252 §7), if `signed`; a copy. */
  readonly signedData?: Bytes;
}

/** A login with a key that is not in a certificate. */
export interface PublickeyLogin extends SignedLogin {
  readonly method: "publickey";
  /** Blob of the public key (RFC 4253 §6.6). */
  readonly publicKey: Bytes;
  /** Fingerprint of the public key: `"SHA256:…"`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
}

/**
 * A login with a key in a certificate, whose authority's signature is verified. `authenticate` decides whether the authority is trusted and
 * what the certificate is good for, as that of `certificateAuthority` does. A function that only knows keys refuses it: the certificate may
 * have expired, or permit less than the key.
 */
export interface CertificateLogin extends SignedLogin {
  readonly method: "certificate";
  readonly certificate: Certificate;
}

/**
 * A login without any proof (RFC 4252 §5.2). It is decided only if `methods` names "none", and refused otherwise. Most clients begin with
 * it to learn the methods.
 */
export interface NoneLogin extends LoginFacts {
  readonly method: "none";
}

/** A login with a password. */
export interface PasswordLogin extends LoginFacts {
  readonly method: "password";
  readonly password: string;
}

/** A password change, requested by an earlier `changePassword` decision. Accepting it logs the client in. */
export interface ChangePasswordLogin extends LoginFacts {
  readonly method: "change-password";
  readonly oldPassword: string;
  readonly newPassword: string;
}

/** A keyboard-interactive login (RFC 4256). */
export interface KeyboardInteractiveLogin extends LoginFacts {
  readonly method: "keyboard-interactive";
  /** Submethods that the client suggests, unescaped. */
  readonly submethods: string;
  /**
   * Shows prompts to the user and resolves with one response for each. Call it once per round. The answer to a prompt given as a string is
   * not echoed. Without prompts, only the texts are shown. Rejects when the client gives up; pass that error on.
   */
  ask(
    prompts: readonly (string | Prompt)[],
    texts?: { readonly name?: string | undefined; readonly instruction?: string | undefined },
  ): Promise<readonly string[]>;
}

/** A login by a method of the application, which proved `details` about the client. */
export interface OtherLogin extends LoginFacts {
  readonly method: "other";
  /** Name of the login method. */
  readonly name: string;
  readonly details: unknown;
}

/** A login attempt for the application to decide. One with a key or a certificate has a verified signature only if `signed` is true. */
export type Login =
  | NoneLogin
  | PublickeyLogin
  | CertificateLogin
  | PasswordLogin
  | ChangePasswordLogin
  | KeyboardInteractiveLogin
  | OtherLogin;

/** Result of a login method: a login without the facts that every login has. */
export type LoginProof<L extends Login = Login> = L extends Login ? Omit<L, keyof LoginFacts> : never;

/** Demands of a decision on a security key's signature (OpenSSH PROTOCOL.u2f). Ignored for other keys. */
export interface KeyDemands {
  /** True accepts a signature without a touch of the key. Default: the touch is demanded. */
  readonly noTouchRequired?: boolean | undefined;
  /** True demands that the key verified the user, such as by a PIN. */
  readonly verifyRequired?: boolean | undefined;
}

/**
 * Decision about a login. Any other value refuses, including values that only JavaScript programs can return.
 *
 * `true`, or an object with only `permissions`, accepts the login. `next` accepts this factor and lists the methods for the next one (RFC
 * 4252 §5.1). `changePassword` asks the client for a new password with this prompt. `refuse` refuses like `false`, and `methods` are those
 * that the client may try next, in place of the option `methods`. Name the same ones for users that do not exist.
 *
 * `true` grants sessions; forwarding needs `permissions`. A login with several factors may do only what the permissions of all factors
 * allow.
 */
export type LoginDecision =
  | boolean
  | (KeyDemands & {
      readonly permissions: Permissions;
      readonly next?: readonly (LoginMethod | ServerLoginMethod)[] | undefined;
    })
  | (KeyDemands & { readonly next: readonly (LoginMethod | ServerLoginMethod)[] })
  | { readonly changePassword: string }
  | { readonly refuse: true; readonly methods: readonly (LoginMethod | ServerLoginMethod)[] };

/**
 * Decides a login. An exception refuses it. For users that do not exist, take the same time and give the same answer, so that clients
 * cannot probe for user names.
 */
export type Authenticate = (login: Login) => LoginDecision | Promise<LoginDecision>;

/**
 * Key exchanges, debug messages and disconnects of a client, with the members of `ConnectEvent`. Texts come from the client: escape them
 * before display. "kex" comes when both sides use the new keys, so that `rekey` may begin another exchange.
 */
export type ServerConnectionEvent = Extract<ConnectEvent, { readonly type: "kex" | "debug" | "disconnect" }>;

/** All limits of a server's connection. */
export interface ServerLimits extends Limits, UserLimits {}

/** An event for a log. Texts from the client are unescaped: escape them before display. */
export type ServerEvent =
  | { readonly type: "identified"; readonly clientVersion: string }
  | { readonly type: "login"; readonly user: string; readonly factors: readonly Factor[] }
  | {
      /** `authenticate` refused a login, or a key that the client only asked about (`signed` is false). */
      readonly type: "login-refused";
      readonly user: string;
      /** The `method` of the login, such as "certificate"; of a method of the application, its name. */
      readonly method: string;
      /** Fingerprint of the key, also of one in a certificate. */
      readonly fingerprint?: string;
      readonly signed?: boolean;
      readonly certificate?: Certificate;
      /** The exception of `authenticate`, if that was the reason. */
      readonly error?: unknown;
    }
  | SessionEvent
  | ForwardEvent
  /**
   * A request or channel was refused, such as `"pty-req"`, `"env LANG"`, `"subsystem sftp"`, `"x11"`, `"direct-tcpip example.org:80"` or
   * `"tcpip-forward localhost:8080"`. Unknown requests that want no reply are ignored without an event.
   */
  | RequestRefused
  /** The connection ended. `session-ended` events of handlers that still run follow later. */
  | { readonly type: "closed"; readonly error: SshError };

/** The code that a server uses. */
export interface ServerProvider extends CryptoProvider {
  /** Login methods that the option `methods` and a decision's `next` may name. */
  readonly loginMethods: readonly ServerLoginMethod[];
}

/** All `serve` options except the byte stream. Features without an option here are refused. */
export interface ServeOptions<S> extends TransportSettings, UserServeOptions<S> {
  /** Host keys, at least one. The first key that can sign with the negotiated algorithm is used. */
  readonly hostKeys: readonly (PrivateKey | RemoteHostKey)[];
  readonly authenticate: Authenticate;
  /**
   * Methods that clients may log in with: names, and values of an application; default `["publickey"]`. `nacre/core` knows that name and
   * "none"; the others are values there, such as `serverPassword`. With "none", `authenticate` also decides logins without any proof.
   */
  readonly methods?: readonly (LoginMethod | "none" | ServerLoginMethod)[] | undefined;
  /**
   * Text that is sent before the identification string (RFC 4253 §4.2), before anything is encrypted: at most 1,024 lines of 8,190 bytes.
   * No line may begin with "SSH-". Clients that expect the identification string first may fail.
   */
  readonly greeting?: string | undefined;
  /**
   * Least size in bits of the host keys and the clients' keys, if they are RSA keys: 1,024 to 16,384, default 2,048. `privateKey` has the
   * same option, for opening a host key.
   */
  readonly minRsaBits?: number | undefined;
  /** Text for clients to show before login. */
  readonly banner?: string | undefined;
  /** Time limit for the login in milliseconds, including the time that `authenticate` takes; default 120,000. 0 disables it. */
  readonly loginGraceTime?: number | undefined;
  /**
   * Algorithms to offer, preferred first, by name or as values, as in `connect`. Default: `defaultServerAlgorithms` of `nacre/defaults`;
   * these are also the names. `@nacre/node` knows those of `nodeAlgorithms` as well. `nacre/core` takes values only, and all four lists.
   */
  readonly algorithms?: AlgorithmOptions | undefined;
  /**
   * Signature algorithms accepted from user keys, listed in server-sig-algs (RFC 8308 §3.1). Default: all except SHA-1, which are
   * `defaultSignatureAlgorithms` and `defaultCertificateAlgorithms` of `@nacre/keys`; with `nacre/core`, the host-key algorithms.
   */
  readonly userKeys?: readonly SignatureAlgorithm[] | undefined;
  /** Signature algorithms accepted from the authorities of users' certificates. Default: all except SHA-1. */
  readonly authorityAlgorithms?: readonly SignatureNames[] | undefined;
  /** Limits that override the defaults. */
  readonly limits?: Overrides<ServerLimits> | undefined;
  /**
   * Whether to announce all local host keys after login (`hostkeys-00@openssh.com`), so that clients learn new ones; default true. Some
   * clients reply to the announcement, although it wants no reply.
   */
  readonly announceHostKeys?: boolean | undefined;
  /** Address of the client, passed on to `authenticate` and to sessions. */
  readonly remoteAddress?: string | undefined;
  /** Ends the connection immediately when aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each event. Its exceptions are ignored. Without it, nothing shows exceptions of `authenticate` and of session handlers. */
  readonly log?: ((event: ServerEvent) => void) | undefined;
  /** Called in the turn of each key exchange, debug message and disconnect. Exceptions are rethrown as uncaught. */
  readonly events?: ((event: ServerConnectionEvent) => void) | undefined;
  /**
   * Called with a description of each packet sent or received. Contains no secrets. `nacre/core`, whose bundles need not carry the
   * descriptions, takes the trace that `describedTrace` of `@nacre/protocol` makes of such a function.
   */
  readonly trace?: TracePort | ProtocolTrace | undefined;
  /** Called with the connection's secrets, for decryption in Wireshark. */
  readonly keyLog?: KeyLogPort | undefined;
  /**
   * Whether chacha20-poly1305 may run in WebAssembly; default true. Set false on pages with a Content-Security-Policy that reports each
   * attempt to compile. noble's cipher then runs, at a fifth of the speed. On platforms that compile no bytes, such as Cloudflare
   * Workers, pass the program as a module: a bundler's import of `@nacre/ciphers-wasm/chacha20-poly1305.wasm`.
   */
  readonly wasm?: boolean | object | undefined;
  /** Source of random bytes; default `crypto.getRandomValues`. For platforms that lack it, and for reproducible tests. */
  readonly random?: RandomSource | undefined;
}

/** Rows of the options of `serve`. */
export const SERVE_OPTIONS: OptionRows<ServeOptions<BaseSession>> = /* @__PURE__ */ Object.assign({}, USER_OPTIONS, {
  hostKeys: { check: checkHostKeys },
  authenticate: {
    check(authenticate) {
      if (typeof authenticate !== "function")
        throw usage("`authenticate` is required; pass a function that decides each login");
    },
  },
  methods: "array",
  banner: "string",
  greeting: { type: "string", check: greetingLines },
  minRsaBits: { check: checkMinRsaBits },
  loginGraceTime: {
    check(time = LOGIN_GRACE_TIME) {
      checkLimit("loginGraceTime", time, { least: 0, most: MAX_MILLISECONDS, unit: "milliseconds" });
    },
    default: LOGIN_GRACE_TIME,
  },
  announceHostKeys: "boolean",
  algorithms: "object",
  wasm: "object or boolean",
  userKeys: { check: (userKeys) => checkSignatures(userKeys, "userKeys") },
  authorityAlgorithms: { check: (algorithms) => checkSignatures(algorithms, "authorityAlgorithms") },
  limits: { type: "object", check: (limits) => checkLimits(limits, SERVER_LIMITS) },
  softwareVersion: { type: "string", check: checkSoftwareVersion },
  requireStrictKex: "boolean",
  remoteAddress: "string",
  signal: { check: checkSignal },
  log: "function",
  events: "function",
  trace: "object or function",
  keyLog: "function",
  random: { type: "function", check: checkRandom },
} satisfies OptionRows<Omit<ServeOptions<BaseSession>, keyof typeof USER_OPTIONS>>);

function checkSignatures(algorithms: unknown, option: string): void {
  if (algorithms !== undefined && !isAlgorithms(algorithms))
    throw usage(
      `\`${option}\` must be a list of signature algorithms; choose from \`defaultSignatureAlgorithms\` of \`@nacre/keys\``,
    );
}

function checkHostKeys(hostKeys: unknown): void {
  if (!Array.isArray(hostKeys)) throw usage("`hostKeys` must be an array of private keys, such as [key]");
  for (const key of hostKeys) checkKey(key, "a host key");
}
