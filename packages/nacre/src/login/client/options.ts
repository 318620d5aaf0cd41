import type { HostCertificateProblem, PrivateKey, PublicKey } from "@nacre/keys/internal";
import { type KeyLogPort, type Limits, PROTOCOL_LIMITS, type ProtocolTrace, type TracePort } from "@nacre/protocol";
import type { ServerProof, TransportOptions, TransportSettings } from "@nacre/transport";
import type { Bytes, Overrides, Prompt, RandomSource, SshError } from "@nacre/wire";
import {
  checkHandlers,
  checkKey,
  checkLimits,
  checkMinRsaBits,
  checkSignal,
  checkSoftwareVersion,
  checkUser,
} from "../../check.ts";
import type { PeerOpen } from "../../mux/peer-asks.ts";
import type { AlgorithmOptions, CryptoProvider } from "../../options/algorithms.ts";
import type { ScopedRows } from "../../options/schema.ts";
import { checkRandom } from "../../random.ts";
import { CLIENT_CHANNELS, type HostKey } from "../../users/client/client.ts";
import type { LoginMethod } from "../chosen-methods.ts";
import type { ConnectEvent } from "./events.ts";
import { hostKeyVerifier } from "./host-keys.ts";
import type { ClientLoginMethod } from "./method.ts";
import type { NextLogin } from "./next-login.ts";
import type { ClientUsers } from "./users.ts";

/** A host key, and the host that the program connects to. */
export interface PresentedHostKey extends HostKey {
  /** Host name or address, as given. */
  readonly host: string;
  /** TCP port. */
  readonly port: number;
  /** Why the certificate did not count for the host, if known hosts were asked and there is one. */
  readonly certificateProblem?: HostCertificateProblem | undefined;
}

/**
 * Decides whether to trust a host key. Only `true` accepts; any other result refuses, as does an exception. If it throws an `SshError`,
 * `connect` rejects with that error. `"restricted"` goes on although the key is wrong, as `ssh` does with StrictHostKeyChecking no: without
 * passwords, keyboard-interactive, agent forwarding and forwarded connections, which a false server could misuse.
 */
export type HostKeyVerifier = (hostKey: HostKey) => boolean | "restricted" | Promise<boolean | "restricted">;

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

/** Passwords for a password change. */
export interface PasswordChange {
  readonly oldPassword: string;
  readonly newPassword: string;
}

/** Returns keys to log in with at a server that proved to be this one. */
export type FindIdentities = (
  server: ServerProof,
  signal: AbortSignal,
) => Promise<readonly (PrivateKey | RemoteIdentity)[]>;

/** The code that a client takes as values, so that a small bundle can do without. */
export interface ClientProvider extends CryptoProvider {
  /** Returns the fingerprint of a public key blob in errors; default `fingerprint`. */
  readonly shownFingerprint?: CryptoProvider["fingerprint"] | undefined;
  /** Encodes terminal modes by name: `encodeTerminalModes`. Without it, `modes` of a pseudo-terminal must be encoded. */
  readonly encodeModes?: ((modes: Readonly<Record<string, number>>) => Uint8Array) | undefined;
  /** Time limit for connecting, and the time that opening the byte connection took. See `TransportOptions`. */
  readonly connecting?: TransportOptions["connecting"];
  /** Login methods that the option `methods` may name, and its default. */
  readonly loginMethods: readonly ClientLoginMethod[];
  /** Users of the connection that begin with the login, such as agent forwarding. Without one, its options are unknown. */
  readonly users?: ClientUsers | undefined;
  /**
   * Returns the keys to log in with, in place of `identities`, when the first is needed. `signal` aborts when the login ends. A rejection
   * ends the login.
   */
  readonly findIdentities?: FindIdentities | undefined;
  /** Called with the name of each channel type and global request of the server that is refused. Escape it before display. */
  readonly refused?: ((name: string) => void) | undefined;
  /** Returns the error that channels and calls get for the one that ended the connection. `reconnect` sets it. */
  readonly lossOf?: ((error: SshError) => SshError) | undefined;
}

/** Options of `connect` for the login. */
export interface LoginOptions {
  /** Name of the user to log in as. */
  readonly user: string;
  /** Keys to log in with, tried in this order. */
  readonly identities?: readonly (PrivateKey | RemoteIdentity)[] | undefined;
  /**
   * Password, or a function that asks for it. `attempt` counts from 1, and `undefined` stops trying passwords. A string is tried once. If
   * the server offers only keyboard-interactive, and there is no `prompts`, the password answers the first hidden prompt that comes alone.
   */
  readonly password?: string | ((attempt: number) => string | undefined | Promise<string | undefined>) | undefined;
  /** Called when the server requires a new password. Without it, such a login fails. */
  readonly changePassword?:
    | ((prompt: string) => PasswordChange | undefined | Promise<PasswordChange | undefined>)
    | undefined;
  /**
   * Answers keyboard-interactive prompts with one response for each. If it returns `undefined`, the server gets empty responses until it
   * refuses.
   */
  readonly prompts?:
    | ((request: PromptRequest) => readonly string[] | undefined | Promise<readonly string[] | undefined>)
    | undefined;
}

/** All options of `connect` except the byte stream. */
export interface ConnectOptions extends TransportSettings, LoginOptions {
  /**
   * The host key to trust: its fingerprint, as `ssh-keygen -l` prints it (`"SHA256:…"`), several of them, or a function that decides.
   * Required: there is no default that connects without a check.
   */
  readonly hostKey: HostKeyVerifier | string | readonly string[];
  /**
   * Login methods to try, preferred first: names, and values of an application. Default: all four names, in the order "publickey", "none",
   * "keyboard-interactive", "password". A fixed password is tried before keyboard-interactive. `nacre/core` knows the first
   * two names, which are its default; the others are values there, such as `clientPassword`.
   */
  readonly methods?: readonly (LoginMethod | "none" | ClientLoginMethod)[] | undefined;
  /**
   * Chooses each attempt to log in, in place of `identities` and the order of `methods`: a method, its user and its answers. It must decide
   * within `limits.authTimeout`, which does not count the time of functions that an attempt names, such as `prompts`. At most
   * `limits.chosenAttempts` attempts are made. After a host key that was accepted as `"restricted"`, passwords and prompts fail without
   * being sent.
   */
  readonly nextLogin?: NextLogin | undefined;
  /**
   * Least size in bits of the server's host key and of login keys, if they are RSA keys: 1,024 to 16,384, default 2,048. A shorter login
   * key is left out. `privateKey` has the same option, for opening one.
   */
  readonly minRsaBits?: number | undefined;
  /**
   * Called with texts that the server shows before login: those of the `events` "banner" and "instruction". The text comes from the server:
   * escape it before display.
   */
  readonly banner?: ((text: string) => void) | undefined;
  /**
   * Called with what happens on the connection, in the turn of the event, from the server's identification to the end. Texts in events come
   * from the server: escape them before display. An exception is rethrown as an uncaught exception.
   */
  readonly events?: ((event: ConnectEvent) => void) | undefined;
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
   * attempt to compile. noble's cipher then runs, at a fifth of the speed. On platforms that compile no bytes, such as Cloudflare
   * Workers, pass the program as a module: a bundler's import of `@nacre/ciphers-wasm/chacha20-poly1305.wasm`.
   */
  readonly wasm?: boolean | object | undefined;
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
   * descriptions, takes the trace that `describedTrace` of `@nacre/protocol` makes of such a function.
   */
  readonly trace?: TracePort | ProtocolTrace | undefined;
  /** Called with the connection's secrets, for decryption in Wireshark. */
  readonly keyLog?: KeyLogPort | undefined;
  /** Source of random bytes; default `crypto.getRandomValues`. For platforms that lack it, and for reproducible tests. */
  readonly random?: RandomSource | undefined;
}

/** Rows of the options of `connect`. */
export const CONNECT_OPTIONS: ScopedRows<ConnectOptions> = {
  user: { check: checkUser, scope: "host" },
  hostKey: { check: hostKeyVerifier, scope: "host" },
  identities: {
    type: "array",
    check: (identities = []) => identities.forEach((one) => checkKey(one, "an identity")),
    scope: "host",
  },
  password: { type: "string or function", scope: "host" },
  changePassword: { type: "function", scope: "host" },
  prompts: { type: "function", scope: "host" },
  methods: { type: "array", scope: "host" },
  nextLogin: { type: "function", scope: "host" },
  minRsaBits: { check: checkMinRsaBits, scope: "machine" },
  channels: {
    type: "object",
    check: (handlers) => checkHandlers(handlers, "channels", CLIENT_CHANNELS),
    scope: "host",
  },
  banner: { type: "function", scope: "host" },
  events: { type: "function", scope: "host" },
  algorithms: { type: "object", scope: "machine" },
  wasm: { type: "object or boolean", scope: "machine" },
  limits: { type: "object", check: (limits) => checkLimits(limits, PROTOCOL_LIMITS), scope: "machine" },
  softwareVersion: { type: "string", check: checkSoftwareVersion, scope: "machine" },
  requireStrictKex: { type: "boolean", scope: "machine" },
  signal: { check: checkSignal, scope: "host" },
  earlyChannel: { type: "boolean", scope: "host" },
  trace: { type: "object or function", scope: "host" },
  keyLog: { type: "function", scope: "host" },
  random: { type: "function", check: checkRandom, scope: "machine" },
};
