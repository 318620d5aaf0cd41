import type { PrivateKey, PublicKey } from "@nacre/keys/internal";
import type { KeyLogPort, Limits, TracePort } from "@nacre/session";
import type { TransportAlgorithms, TransportSettings } from "@nacre/transport";
import type { Bytes, Overrides, Prompt, RandomSource } from "@nacre/wire";
import type { PeerOpen } from "../mux/peer-asks.ts";

/** A host key that the server has proved to hold, to be decided about. */
export interface HostKey {
  /** The signature algorithm it proved itself with: `"rsa-sha2-512"`. */
  readonly algorithm: string;
  /** Public key blob (RFC 4253 §6.6). */
  readonly blob: Bytes;
  /** `"SHA256:…"`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
}

/**
 * Decides whether a host key is the host's. Only `true` accepts; anything else, an exception included, refuses: an
 * `SshError` that it throws is the one that `connect` rejects with.
 */
export type HostKeyVerifier = (hostKey: HostKey) => boolean | Promise<boolean>;

/** A key to log in with whose private half is elsewhere, or locked: an agent, a hardware key, an encrypted file. */
export interface RemoteIdentity {
  readonly publicKey: PublicKey;
  /** For people. */
  readonly comment?: string | undefined;
  /**
   * The signature blob over `data` with the signature algorithm of that name. `undefined` gives this key up and goes on
   * with the next; a rejection ends the login. `connect` always passes `signal`. It aborts when the login is over, whether that
   * succeeded, failed, timed out or was aborted: stop whatever is still pending then, such as a prompt.
   */
  sign(algorithm: string, data: Bytes, signal?: AbortSignal): Promise<Uint8Array | undefined>;
}

/** What a server asks with keyboard-interactive (RFC 4256). The texts come from the server: escape them before showing them. */
export interface PromptRequest {
  readonly name: string;
  readonly instruction: string;
  readonly prompts: readonly Prompt[];
}

type Answer<T> = T | undefined | Promise<T | undefined>;

/** What a connection is made with that is code, and not a setting: a bundle carries what is named here. */
export interface CryptoProvider {
  /** What to offer, preferred first. */
  readonly algorithms: TransportAlgorithms;
  /** The fingerprint of a public key blob: `"SHA256:…"`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: (blob: Uint8Array) => string;
}

/** All options of `connect` except the byte stream. */
export interface ConnectOptions extends TransportSettings {
  /** Who to log in as. */
  readonly user: string;
  /** Required: a client without a host-key decision does not connect. See `pinnedHostKey`. */
  readonly hostKey: HostKeyVerifier;
  /** Keys to log in with, in the order in which to try them. */
  readonly identities?: readonly (PrivateKey | RemoteIdentity)[] | undefined;
  /**
   * The password, or a function that asks for it (`attempt` counts from 1; `undefined` gives up). A string is tried once: by the method
   * "password", or as the answer to a lone hidden prompt when the server takes only keyboard-interactive.
   */
  readonly password?: string | ((attempt: number) => Answer<string>) | undefined;
  /** Called when the server wants a new password. Without it such a login fails. */
  readonly changePassword?:
    | ((prompt: string) => Answer<{ readonly oldPassword: string; readonly newPassword: string }>)
    | undefined;
  /** Answers keyboard-interactive prompts, one response each. `undefined` gives up: the server gets empty responses until it refuses. */
  readonly prompts?: ((request: PromptRequest) => Answer<readonly string[]>) | undefined;
  /** Called with what the server wants shown before login. From the server: escape it before showing it. */
  readonly banner?: ((text: string) => void) | undefined;
  /**
   * Handles opens of the server, by channel type; all others are refused. Accept only what this program has asked the server for. Call
   * `accept` or `reject` of the open, now or later. An exception refuses it, and is rethrown as an uncaught one (RFC 4254 §5.1).
   */
  readonly channels?: Readonly<Record<string, (open: PeerOpen) => void>> | undefined;
  /** What to offer, preferred first. The default is `defaultAlgorithms` of `nacre/defaults`. */
  readonly algorithms?: TransportAlgorithms | undefined;
  /**
   * Whether chacha20-poly1305 may be a WebAssembly program (default true). False compiles none: for a page whose Content-Security-Policy
   * reports every attempt. Noble's cipher then serves, at a fifth of the speed.
   */
  readonly wasm?: boolean | undefined;
  /** Bounds, where the defaults do not suit. */
  readonly limits?: Overrides<Limits> | undefined;
  /** Aborts connecting; has no effect afterwards. */
  readonly signal?: AbortSignal | undefined;
  /** Open a first session channel with the login: in the same flight at a server known to bear it, which saves a round trip. Default true. */
  readonly earlyChannel?: boolean | undefined;
  /** Receives each packet as it goes by, described without secrets. */
  readonly trace?: TracePort | undefined;
  /** Receives secrets, for Wireshark. */
  readonly keyLog?: KeyLogPort | undefined;
  /** Random bytes; the platform's `crypto.getRandomValues` by default. For platforms without, and tests that replay. */
  readonly random?: RandomSource | undefined;
}

/** A pseudo-terminal (RFC 4254 §6.2). */
export interface PtyOptions {
  /** TERM; `"xterm-256color"` by default. */
  readonly term?: string | undefined;
  /** Characters; 80 × 24 by default. */
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  /** Terminal modes by their names in RFC 4254 §8: `{ ECHO: 0 }`. */
  readonly modes?: Readonly<Record<string, number>> | undefined;
}

/** A request that prepares a session. */
export interface SessionRequestOptions {
  /** `"name@example.org"` */
  readonly type: string;
  /** Depends on the request; empty by default. */
  readonly data?: Uint8Array | undefined;
  /** Whether the server must grant it, or else the command fails with `channel-request-failed`. Default true. */
  readonly wantReply?: boolean | undefined;
}

/** How a command is run. */
export interface SpawnOptions {
  /** Environment variables; a server takes only those that its configuration allows (`AcceptEnv`). */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Asks for a pseudo-terminal; `true` for the defaults. */
  readonly pty?: PtyOptions | boolean | undefined;
  /** Further requests on the session, sent before the command in their order: those of an application's own (RFC 4254 §6). */
  readonly requests?: readonly SessionRequestOptions[] | undefined;
  /** Aborting closes the command's channel. */
  readonly signal?: AbortSignal | undefined;
}

/** How a command is run to its end. */
export interface ExecOptions extends SpawnOptions {
  /** What the command reads; nothing by default. With `pty` its end is sent only when this is given, even empty. */
  readonly input?: string | Uint8Array | undefined;
  /** Bytes of output and of errors to hold at most; more ends the command with `output-limit`. 64 MiB by default. */
  readonly maxOutput?: number | undefined;
}

/** How a command ended (RFC 4254 §6.10). All is `undefined` when the server did not tell. */
export interface Exit {
  readonly status: number | undefined;
  /** Without "SIG": `"KILL"`. */
  readonly signal: string | undefined;
  readonly coreDumped: boolean;
}

/** What a command that ran to its end left. */
export interface ExecResult<T = string> extends Exit {
  readonly stdout: T;
  readonly stderr: T;
}
