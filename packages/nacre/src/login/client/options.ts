import type { PrivateKey, PublicKey } from "@nacre/keys/internal";
import { type KeyLogPort, type Limits, PROTOCOL_LIMITS, type ProtocolTrace, type TracePort } from "@nacre/protocol";
import type { TransportAlgorithms, TransportOptions, TransportSettings } from "@nacre/transport";
import type { Bytes, Overrides, Prompt, RandomSource } from "@nacre/wire";
import { checkHandlers, checkHostKey, checkKey, checkLimits, checkSignal, checkUser } from "../../check.ts";
import type { PeerOpen } from "../../mux/peer-asks.ts";
import type { AlgorithmOptions } from "../../options/algorithms.ts";
import type { OptionRows, ScopedRows } from "../../options/schema.ts";
import { checkRandom } from "../../random.ts";
import type { ClientUsers } from "../../users/client-user.ts";
import type { ClientLoginMethod } from "../methods/method.ts";
import type { LoginMethod } from "../server/options.ts";

/** A host key for the application to accept or refuse. The server has proved that it holds the private key. */
export interface HostKey {
  /** Algorithm of the server's signature, such as `"rsa-sha2-512"`. */
  readonly algorithm: string;
  /** Public key blob (RFC 4253 §6.6). */
  readonly blob: Bytes;
  /** `"SHA256:…"`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
}

/** A host key, and the host that the program connects to. */
export interface PresentedHostKey extends HostKey {
  /** Host name or address, as given. */
  readonly host: string;
  /** TCP port. */
  readonly port: number;
}

/**
 * Decides whether to trust a host key. Only `true` accepts; any other result refuses, as does an exception. If it throws an `SshError`,
 * `connect` rejects with that error.
 */
export type HostKeyVerifier = (hostKey: HostKey) => boolean | Promise<boolean>;

/** A key for logging in, with the private key kept elsewhere or locked: in an agent, a hardware key, or an encrypted file. */
export interface RemoteIdentity {
  readonly publicKey: PublicKey;
  /** Comment for display. */
  readonly comment?: string | undefined;
  /**
   * Returns the signature blob over `data`, made with the named signature algorithm. `undefined` skips this key and tries the next; a
   * rejection ends the login. `connect` always passes `signal`. It aborts when the login ends, successfully or not: cancel pending prompts
   * then.
   */
  sign(algorithm: string, data: Bytes, signal?: AbortSignal): Promise<Uint8Array | undefined>;
}

/** Prompts of a server in keyboard-interactive authentication (RFC 4256). The texts come from the server: escape them before display. */
export interface PromptRequest {
  readonly name: string;
  readonly instruction: string;
  readonly prompts: readonly Prompt[];
}

type Answer<T> = T | undefined | Promise<T | undefined>;

/** The code that a connection uses for cryptography. A bundle contains only the algorithms named here. */
export interface CryptoProvider {
  /** Algorithms to offer, preferred first. */
  readonly algorithms: TransportAlgorithms;
  /** Returns the fingerprint of a public key blob: `"SHA256:…"`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: (blob: Uint8Array) => string;
}

/** The code that a client takes as values, so that a small bundle can do without. */
export interface ClientProvider extends CryptoProvider {
  /** Encodes terminal modes by name: `encodeTerminalModes`. Without it, `modes` of a pseudo-terminal must be encoded. */
  readonly encodeModes?: ((modes: Readonly<Record<string, number>>) => Uint8Array) | undefined;
  /** Time limit for connecting, and the time that opening the byte connection took. See `TransportOptions`. */
  readonly connecting?: TransportOptions["connecting"];
  /** Login methods that the option `methods` may name, and its default. */
  readonly loginMethods: readonly ClientLoginMethod[];
  /** Users of the connection that begin with the login, such as agent forwarding. Without one, its options are unknown. */
  readonly users?: ClientUsers | undefined;
}

/** All options of `connect` except the byte stream. */
export interface ConnectOptions extends TransportSettings {
  /** Name of the user to log in as. */
  readonly user: string;
  /** Decides whether to trust the host key. Required: there is no default that connects without a check. See `pinnedHostKey`. */
  readonly hostKey: HostKeyVerifier;
  /**
   * Login methods to try, preferred first: names, and values of an application. Default: all four names, in the order "publickey", "none",
   * "keyboard-interactive", "password". A fixed password is tried before keyboard-interactive. `nacre/core` knows the first
   * two names, which are its default; the others are values there, such as `clientPassword`.
   */
  readonly methods?: readonly (LoginMethod | "none" | ClientLoginMethod)[] | undefined;
  /** Keys to log in with, tried in this order. */
  readonly identities?: readonly (PrivateKey | RemoteIdentity)[] | undefined;
  /**
   * Password, or a function that asks for it. `attempt` counts from 1, and `undefined` stops trying passwords. A string is tried once. If
   * the server offers only keyboard-interactive, and there is no `prompts`, the password answers the first hidden prompt that comes alone.
   */
  readonly password?: string | ((attempt: number) => Answer<string>) | undefined;
  /** Called when the server requires a new password. Without it, such a login fails. */
  readonly changePassword?:
    | ((prompt: string) => Answer<{ readonly oldPassword: string; readonly newPassword: string }>)
    | undefined;
  /**
   * Answers keyboard-interactive prompts with one response for each. If it returns `undefined`, the server gets empty responses until it
   * refuses.
   */
  readonly prompts?: ((request: PromptRequest) => Answer<readonly string[]>) | undefined;
  /** Called with texts that the server shows before login. The text comes from the server: escape it before display. */
  readonly banner?: ((text: string) => void) | undefined;
  /**
   * Handlers for channels that the server opens, by channel type (RFC 4254 §5.1). All other types are refused. Accept only channels that
   * this program requested from the server. Call `accept` or `reject` of the open, now or later. An exception refuses the open and is
   * rethrown as an uncaught exception.
   */
  readonly channels?: Readonly<Record<string, (open: PeerOpen) => void>> | undefined;
  /**
   * Algorithms to offer, preferred first, by name or as values: `{ ciphers: "^aes256-ctr", macs: [hmacSha256Etm] }`. Default:
   * `defaultAlgorithms` of `nacre/defaults`. `nacre/core` takes values only, and all four lists.
   */
  readonly algorithms?: AlgorithmOptions | undefined;
  /**
   * Whether chacha20-poly1305 may run in WebAssembly; default true. Set false on pages with a Content-Security-Policy that reports each
   * attempt to compile. noble's cipher then runs, at a fifth of the speed.
   */
  readonly wasm?: boolean | undefined;
  /** Limits that override the defaults. */
  readonly limits?: Overrides<Limits> | undefined;
  /** Aborts connecting. No effect once connected. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether to open the first session channel together with the login; default true. With servers known to support it, the open travels in
   * the same flight, which saves a round trip.
   */
  readonly earlyChannel?: boolean | undefined;
  /**
   * Called with a description of each packet sent or received. Contains no secrets. `nacre/core`, whose bundles need not carry the
   * descriptions, takes the trace that `describedTrace` makes of such a function.
   */
  readonly trace?: TracePort | ProtocolTrace | undefined;
  /** Called with the connection's secrets, for decryption in Wireshark. */
  readonly keyLog?: KeyLogPort | undefined;
  /** Source of random bytes; default `crypto.getRandomValues`. For platforms that lack it, and for reproducible tests. */
  readonly random?: RandomSource | undefined;
}

/** Channel types that Nacre handles in a client itself: it opens sessions, and accepts the others only for its own listeners. */
const CLIENT_CHANNELS = { session: true, "forwarded-tcpip": true, "forwarded-streamlocal@openssh.com": true };

/** Rows of the options of `connect`. */
export const CONNECT_OPTIONS: ScopedRows<ConnectOptions> = {
  user: { check: checkUser, scope: "host" },
  hostKey: { check: checkHostKey, scope: "host" },
  identities: {
    type: "array",
    check: (identities = []) => identities.forEach((one) => checkKey(one, "an identity")),
    scope: "host",
  },
  password: { type: "string or function", scope: "host" },
  changePassword: { type: "function", scope: "host" },
  prompts: { type: "function", scope: "host" },
  methods: { type: "array", scope: "host" },
  channels: {
    type: "object",
    check: (handlers) => checkHandlers(handlers, "channels", CLIENT_CHANNELS),
    scope: "host",
  },
  banner: { type: "function", scope: "host" },
  algorithms: { type: "object", scope: "machine" },
  wasm: { type: "boolean", scope: "machine" },
  limits: { type: "object", check: (limits) => checkLimits(limits, PROTOCOL_LIMITS), scope: "machine" },
  requireStrictKex: { type: "boolean", scope: "machine" },
  signal: { check: checkSignal, scope: "host" },
  earlyChannel: { type: "boolean", scope: "host" },
  trace: { type: "object or function", scope: "host" },
  keyLog: { type: "function", scope: "host" },
  random: { type: "function", check: checkRandom, scope: "machine" },
};

/** A pseudo-terminal (RFC 4254 §6.2). */
export interface PtyOptions {
  /** Value of TERM; default `"xterm-256color"`. */
  readonly term?: string | undefined;
  /** Width in characters; default 80. */
  readonly columns?: number | undefined;
  /** Height in characters; default 24. */
  readonly rows?: number | undefined;
  /**
   * Terminal modes by name (RFC 4254 §8), such as `{ ECHO: 0 }`, or encoded. `nacre/core`, whose bundles need not carry the names, takes
   * only encoded modes: `encodeTerminalModes({ ECHO: 0 })`.
   */
  readonly modes?: Readonly<Record<string, number>> | Uint8Array | undefined;
}

export const PTY_OPTIONS: OptionRows<PtyOptions> = { term: true, columns: true, rows: true, modes: "object or bytes" };

/** A request sent on a session before its command. */
export interface SessionRequestOptions {
  /** Request type, such as `"name@example.org"`. */
  readonly type: string;
  /** Request-specific data; default empty. */
  readonly data?: Uint8Array | undefined;
  /** Whether the server must grant the request; default true. If the server refuses it, the command fails with `channel-request-failed`. */
  readonly wantReply?: boolean | undefined;
}

export const REQUEST_OPTIONS: OptionRows<SessionRequestOptions> = { type: true, data: true, wantReply: "boolean" };

/** Options for opening a session channel. */
export interface SessionOpenOptions {
  /** Aborts the call with `aborted`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether to wait if the server refuses the session while others of this connection are open, as sshd does beyond `MaxSessions` (10 by
   * default there); default true. The call tries again when another session ends. After 60 seconds it fails with `channel-open-failed`.
   */
  readonly queue?: boolean | undefined;
}

export const SESSION_OPTIONS: OptionRows<SessionOpenOptions> = { signal: { check: checkSignal }, queue: "boolean" };

/** Options for starting a command. */
export interface SpawnOptions extends SessionOpenOptions {
  /** Environment variables. A server accepts only those that its configuration allows (`AcceptEnv`). See `envMode`. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /**
   * How to set the variables of `env`. `"request"`, the default, asks the server, which may drop any in silence: sshd mostly takes LANG and
   * LC_* alone. `"command"` sets them in the command, for `exec` and `spawn`: `export NAME='value'; ` before it. The user's shell must be a
   * POSIX shell; others at the server can then read the values in its list of processes.
   */
  readonly envMode?: "request" | "command" | undefined;
  /** Requests a pseudo-terminal; `true` uses the default settings. */
  readonly pty?: PtyOptions | boolean | undefined;
  /** Application-defined requests, sent in order on the session before the command (RFC 4254 §6). */
  readonly requests?: readonly SessionRequestOptions[] | undefined;
  /** When aborted, sends `killSignal` to the command and closes its channel, or ends the wait for a session. */
  readonly signal?: AbortSignal | undefined;
  /** Signal for an aborted command, such as `"KILL"` (RFC 4254 §6.9); default `"TERM"`. Servers may ignore it. */
  readonly killSignal?: string | undefined;
}

export const SPAWN_OPTIONS: OptionRows<SpawnOptions> = {
  env: "object",
  envMode: ["request", "command"],
  pty: "object or boolean",
  requests: "array",
  ...SESSION_OPTIONS,
  killSignal: "string",
};

/** Options for running a command to its end. */
export interface ExecOptions extends SpawnOptions {
  /** Input of the command; default empty. With `pty`, EOF is sent only if this is given, even if empty. */
  readonly input?: string | Uint8Array | undefined;
  /**
   * Maximum number of bytes of output and error output together; default 64 MiB. `Infinity` removes the limit. More output fails the
   * command with `output-limit`.
   */
  readonly maxOutput?: number | undefined;
}

export const EXEC_OPTIONS: OptionRows<ExecOptions & { readonly encoding: unknown }> = {
  ...SPAWN_OPTIONS,
  input: "string or bytes",
  maxOutput: true,
  encoding: true,
};

/** How a command ended (RFC 4254 §6.10). `status` and `signal` are both `undefined` if the server sent no exit report. */
export interface Exit {
  readonly status: number | undefined;
  /** Signal name without "SIG", such as `"KILL"`. */
  readonly signal: string | undefined;
  readonly coreDumped: boolean;
}

/** Result of a command that ran to its end. */
export interface ExecResult<T = string> extends Exit {
  readonly stdout: T;
  readonly stderr: T;
}
