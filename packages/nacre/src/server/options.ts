import type { Factor } from "@nacre/auth";
import type { PrivateKey, PublicKey, SignatureAlgorithm } from "@nacre/keys/internal";
import type { KeyLogPort, Limits, SessionTrace, TracePort } from "@nacre/session";
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
import { checkHandlers, checkKey, checkLimits, checkSignal, usage } from "../check.ts";
import type { CryptoProvider } from "../client/options.ts";
import type { Forwarding } from "../forward/forwarding.ts";
import type { ListenAddress } from "../forward/remote-listener.ts";
import type { ForwardTarget, Originator } from "../forward/target.ts";
import type { ServerLoginMethod } from "../methods/method.ts";
import { type AlgorithmOptions, isAlgorithms } from "../options/algorithms.ts";
import type { OptionRows } from "../options/schema.ts";
import { checkRandom } from "../random.ts";
import type { Pty, SessionExit, SessionHandler } from "../session/base-session.ts";
import type { ApplicationHandlers } from "./application.ts";
import { SERVER_LIMITS } from "./limits.ts";
import type { Permissions } from "./permissions.ts";

export const LOGIN_GRACE_TIME = 120_000;

/** A host key with the private key kept elsewhere, such as in an agent or a hardware module. Such keys are not announced to clients. */
export interface RemoteHostKey {
  readonly publicKey: PublicKey;
  /** Returns the signature blob over `data`, made with the named signature algorithm. A rejection ends the connection. */
  sign(algorithm: string, data: Bytes): Promise<Uint8Array>;
}

/** Name of a login method that an application can decide. */
export type LoginMethod = "publickey" | "password" | "keyboard-interactive";

/** What every login tells. */
export interface LoginFacts {
  /** User name as the client sent it; may be any text. Escape it before display. */
  readonly user: string;
  /** Factors accepted so far for this user on this connection, in a login that needs several. */
  readonly factors: readonly Factor[];
  /** Address of the client, from the option `remoteAddress`. */
  readonly remoteAddress: string | undefined;
}

/** A login with a key. */
export interface PublickeyLogin extends LoginFacts {
  readonly method: "publickey";
  /** Signature algorithm, such as `"rsa-sha2-512"`. */
  readonly algorithm: string;
  /** Public key blob (RFC 4253 §6.6). */
  readonly publicKey: Bytes;
  /** Fingerprint of the public key: `"SHA256:…"`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
  /**
   * True if the client's signature is verified: it holds the private key. False if the client only asks whether this key would be accepted.
   * Accepting such a query does not log the client in; the signed login is decided separately.
   */
  readonly signed: boolean;
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

/** A login attempt for the application to decide. A public key login has a verified signature only if `signed` is true. */
export type Login = PublickeyLogin | PasswordLogin | ChangePasswordLogin | KeyboardInteractiveLogin | OtherLogin;

/** A login method by name, or a value of the option `methods`. */
type NextMethod = LoginMethod | ServerLoginMethod;

/**
 * Decision about a login. Any other value refuses, including values that only JavaScript programs can return.
 *
 * `true`, or an object with only `permissions`, accepts the login. `next` accepts this factor and lists the methods for the next one (RFC
 * 4252 §5.1). `changePassword` asks the client for a new password with this prompt.
 *
 * `true` grants sessions; forwarding needs `permissions`. A login with several factors may do only what the permissions of all factors
 * allow.
 */
export type LoginDecision =
  | boolean
  | { readonly permissions: Permissions; readonly next?: readonly NextMethod[] | undefined }
  | { readonly next: readonly NextMethod[] }
  | { readonly changePassword: string };

/**
 * Decides a login. An exception refuses it. For users that do not exist, take the same time and give the same answer, so that clients
 * cannot probe for user names.
 */
export type Authenticate = (login: Login) => LoginDecision | Promise<LoginDecision>;

/** All limits of a server's connection. */
export interface ServerLimits extends Limits {
  /**
   * Maximum number of open sessions on one connection; default 10, as OpenSSH's MaxSessions. Further sessions are refused. The same limit
   * applies to handlers that still run after their channel closed.
   */
  readonly maxSessions: number;
  /** Maximum number of environment variables that a client may send for a session; default 64. */
  readonly envVariables: number;
  /** Maximum total length of their names and values in characters; default 32,768. */
  readonly envLength: number;
  /**
   * Maximum number of forwarded connections in both directions, including those being opened; default 224. Further ones are refused. The
   * default leaves 32 of the 256 channels of `maxChannels` free for sessions.
   */
  readonly maxForwardedConnections: number;
  /** Maximum number of listeners for one client; default 32. Further ones are refused. */
  readonly maxForwardListeners: number;
}

/** An event for a log. Texts from the client are unescaped: escape them before display. */
export type ServerEvent =
  | { readonly type: "identified"; readonly clientVersion: string }
  | { readonly type: "login"; readonly user: string; readonly factors: readonly Factor[] }
  | {
      /** `authenticate` refused a login, or a key that the client only asked about (`signed` is false). */
      readonly type: "login-refused";
      readonly user: string;
      /** Name of the login method, or "change-password". */
      readonly method: string;
      readonly fingerprint?: string;
      readonly signed?: boolean;
      /** The exception of `authenticate`, if that was the reason. */
      readonly error?: unknown;
    }
  | {
      readonly type: "session-started";
      /** Number of the session, from 0. Numbers of closed sessions are reused. */
      readonly session: number;
      readonly user: string;
      readonly kind: "exec" | "shell" | "subsystem";
      /** The command that runs; the forced command if the login has one. */
      readonly command: string | undefined;
      readonly subsystem: string | undefined;
      readonly pty: boolean;
    }
  | {
      readonly type: "session-ended";
      readonly session: number;
      /** `undefined` if the client closed the session or disconnected before the handler returned. */
      readonly exit: SessionExit | undefined;
      /** The exception of the handler, if it threw. */
      readonly error?: unknown;
    }
  /** The server opened a forwarded connection to a target. */
  | { readonly type: "forward-opened"; readonly target: ForwardTarget; readonly originator: Originator | undefined }
  /** The server opened a listener for the client. `address` has the chosen port if the client asked for port 0. */
  | { readonly type: "forward-listening"; readonly address: ListenAddress }
  /** The client accepted a connection to one of its listeners. */
  | { readonly type: "forward-accepted"; readonly address: ListenAddress; readonly originator: Originator | undefined }
  /** The client cancelled a listener. Listeners that end with the connection cause no event. */
  | { readonly type: "forward-stopped"; readonly address: ListenAddress }
  /**
   * A request or channel was refused, such as `"pty-req"`, `"env LANG"`, `"subsystem sftp"`, `"x11"`, `"direct-tcpip example.org:80"` or
   * `"tcpip-forward localhost:8080"`. Unknown requests that want no reply are ignored without an event.
   */
  | {
      readonly type: "request-refused";
      readonly session: number | undefined;
      readonly request: string;
      readonly error?: unknown;
    }
  /** The connection ended. `session-ended` events of handlers that still run follow later. */
  | { readonly type: "closed"; readonly error: SshError };

/** The code that a server uses. */
export interface ServerProvider extends CryptoProvider {
  /** Login methods that the option `methods` and a decision's `next` may name. */
  readonly loginMethods: readonly ServerLoginMethod[];
}

/** All `serve` options except the byte stream. Features without an option here are refused. */
export interface ServeOptions<S> extends TransportSettings {
  /** Host keys, at least one. The first key that can sign with the negotiated algorithm is used. */
  readonly hostKeys: readonly (PrivateKey | RemoteHostKey)[];
  readonly authenticate: Authenticate;
  /**
   * Methods that clients may log in with: names, and values of an application; default `["publickey"]`. `nacre/core` takes values, such as
   * `serverPassword`.
   */
  readonly methods?: readonly (LoginMethod | ServerLoginMethod)[] | undefined;
  /** Text for clients to show before login. */
  readonly banner?: string | undefined;
  /** Runs commands and shells. Without it, they are refused. */
  readonly session?: SessionHandler<S> | undefined;
  /** Runs subsystems, by name: `{ sftp: … }`. */
  readonly subsystems?: Readonly<Record<string, SessionHandler<S>>> | undefined;
  /**
   * Runs forced commands (`permissions.command`) by their first word, also without `session`: `{ "internal-sftp": … }`. `session` runs all
   * other forced commands.
   */
  readonly forcedCommands?: Readonly<Record<string, SessionHandler<S>>> | undefined;
  /**
   * Handlers for channel types other than "session", by type. Called only if the login's `permissions.channels` includes the type. Call
   * `accept` or `reject` of the open, now or later. An exception refuses the open and is rethrown as an uncaught exception.
   */
  readonly channels?: ApplicationHandlers["channels"];
  /**
   * Handlers for global requests, by name. Called only if the login's `permissions.globalRequests` includes the name. Call `reply`, now or
   * later.
   */
  readonly globalRequests?: ApplicationHandlers["globalRequests"];
  /**
   * Handlers for application-defined requests on sessions, by name (RFC 4254 §6). Called only if the login's `permissions.sessionRequests`
   * includes the name. Only `true` grants the request; any other result or an exception refuses it.
   */
  readonly sessionRequests?: ApplicationHandlers["sessionRequests"];
  /**
   * Forwards connections for logins with `permissions.portForwarding`. Use `tcpForwarding` of `@nacre/node`, or your own functions.
   * Default: all forwarding is refused. Forwarded connections end with the SSH connection; `close` does not wait for them.
   */
  readonly forwarding?: Forwarding | undefined;
  /** Whether a session may have a pseudo-terminal, which the handler must then provide; default false. */
  readonly acceptPty?: boolean | ((pty: Pty) => boolean) | undefined;
  /** Whether to accept an environment variable from the client, like OpenSSH's AcceptEnv. Default: all are refused. */
  readonly acceptEnv?: ((name: string, value: string) => boolean) | undefined;
  /** Time limit for the login in milliseconds, including the time that `authenticate` takes; default 120,000. 0 disables it. */
  readonly loginGraceTime?: number | undefined;
  /**
   * Algorithms to offer, preferred first, by name or as values, as in `connect`. Default: `defaultServerAlgorithms` of `nacre/defaults`; these
   * are also the names. `@nacre/node` knows those of `nodeAlgorithms` as well. `nacre/core` takes values only, and all four lists.
   */
  readonly algorithms?: AlgorithmOptions | undefined;
  /**
   * Signature algorithms accepted from user keys, listed in server-sig-algs (RFC 8308 §3.1). Default: all except SHA-1; with `nacre/core`,
   * the host-key algorithms.
   */
  readonly userKeys?: readonly SignatureAlgorithm[] | undefined;
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
  /**
   * Called with a description of each packet sent or received. Contains no secrets. `nacre/core`, whose bundles need not carry the
   * descriptions, takes the trace that `describedTrace` makes of such a function.
   */
  readonly trace?: TracePort | SessionTrace | undefined;
  /** Called with the connection's secrets, for decryption in Wireshark. */
  readonly keyLog?: KeyLogPort | undefined;
  /**
   * Whether chacha20-poly1305 may run in WebAssembly; default true. Set false on pages with a Content-Security-Policy that reports each
   * attempt to compile. noble's cipher then runs, at a fifth of the speed.
   */
  readonly wasm?: boolean | undefined;
  /** Source of random bytes; default `crypto.getRandomValues`. For platforms that lack it, and for reproducible tests. */
  readonly random?: RandomSource | undefined;
}

/** Methods that clients may log in with. */
const METHODS: readonly unknown[] = ["publickey", "password", "keyboard-interactive"] satisfies readonly LoginMethod[];

/** Rows of the options of `serve`. */
export const SERVE_OPTIONS: OptionRows<ServeOptions<unknown>> = {
  hostKeys: { check: checkHostKeys },
  authenticate: {
    check(authenticate) {
      if (typeof authenticate !== "function")
        throw usage("`authenticate` is required; pass a function that decides each login");
    },
  },
  methods: {
    type: "array",
    check(methods = []) {
      if (!methods.every((method) => METHODS.includes(method)))
        throw usage(`\`methods\` must be a list of ${METHODS.join(", ")}`);
    },
  },
  banner: "string",
  session: "function",
  subsystems: { type: "object", check: (handlers) => checkHandlers(handlers, "subsystems", {}) },
  forcedCommands: { type: "object", check: (handlers) => checkHandlers(handlers, "forcedCommands", {}) },
  channels: "object",
  globalRequests: "object",
  sessionRequests: { type: "object", check: (handlers) => checkHandlers(handlers, "sessionRequests", {}) },
  forwarding: { check: checkForwarding },
  acceptPty: "boolean or function",
  acceptEnv: "function",
  loginGraceTime: {
    check(time = LOGIN_GRACE_TIME) {
      checkLimit("loginGraceTime", time, { least: 0, most: MAX_MILLISECONDS, unit: "milliseconds" });
    },
    default: LOGIN_GRACE_TIME,
  },
  announceHostKeys: "boolean",
  algorithms: "object",
  wasm: "boolean",
  userKeys: {
    check(userKeys) {
      if (userKeys !== undefined && !isAlgorithms(userKeys))
        throw usage(
          "`userKeys` must be a list of signature algorithms; choose from `defaultServerAlgorithms.hostKeys`",
        );
    },
  },
  limits: { type: "object", check: (limits) => checkLimits(limits, SERVER_LIMITS) },
  requireStrictKex: "boolean",
  remoteAddress: "string",
  signal: { check: checkSignal },
  log: "function",
  trace: "object or function",
  keyLog: "function",
  random: { type: "function", check: checkRandom },
};

function checkHostKeys(hostKeys: unknown): void {
  if (!Array.isArray(hostKeys)) throw usage("`hostKeys` must be an array of private keys, such as [key]");
  for (const key of hostKeys) checkKey(key, "a host key");
}

function checkForwarding(forwarding: unknown): void {
  if (forwarding === undefined) return;
  const { connect, listen } = (forwarding ?? {}) as { readonly connect?: unknown; readonly listen?: unknown };
  const are = [connect, listen].map((value) => typeof value);
  if (are.every((type) => type === "function" || type === "undefined") && are.includes("function")) return;
  throw usage(
    "`forwarding` must have a function `connect` or `listen`; pass `tcpForwarding()` of @nacre/node or { connect, listen }",
  );
}
