import type { Factor, LoginMethod } from "@nacre/auth";
import type { PrivateKey, PublicKey, SignatureAlgorithm } from "@nacre/keys/internal";
import type { KeyLogPort, Limits, TracePort } from "@nacre/session";
import type { TransportAlgorithms, TransportSettings } from "@nacre/transport";
import type { Bytes, Overrides, Prompt, RandomSource, SshError } from "@nacre/wire";
import type { Forwarding } from "../forward/forwarding.ts";
import type { ListenAddress } from "../forward/remote-listener.ts";
import type { ForwardTarget, Originator } from "../forward/target.ts";
import type { Pty, SessionExit, SessionHandler } from "../session/base-session.ts";
import type { ApplicationHandlers } from "./application.ts";
import type { Permissions } from "./permissions.ts";

/** A host key whose private half is elsewhere: an agent, a hardware module. Such keys are not announced to clients. */
export interface RemoteHostKey {
  readonly publicKey: PublicKey;
  /** The signature blob over `data` with the signature algorithm of that name. A rejection ends the connection. */
  sign(algorithm: string, data: Bytes): Promise<Uint8Array>;
}

interface LoginFacts {
  /** As the client sent it: any text. Escape it before showing it. */
  readonly user: string;
  /** What this client has proved for this very user already: the accepted part of a login with several factors. */
  readonly factors: readonly Factor[];
  /** Where the client is, where that is known. */
  readonly remoteAddress: string | undefined;
}

/** A client logs in with a key. */
export interface PublickeyLogin extends LoginFacts {
  readonly method: "publickey";
  /** The signature algorithm: `"rsa-sha2-512"`. */
  readonly algorithm: string;
  /** Public key blob (RFC 4253 §6.6). */
  readonly publicKey: Bytes;
  /** `"SHA256:…"`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
  /**
   * True when the client's signature was verified: it holds the key. False while it only asks whether it should sign with this
   * key: nothing is proved, a yes lets nobody in, and the login itself is asked about again.
   */
  readonly signed: boolean;
}

/** A client logs in with a password. */
export interface PasswordLogin extends LoginFacts {
  readonly method: "password";
  readonly password: string;
}

/** A client changes its password, after a `changePassword` decision, and logs in with it. */
export interface ChangePasswordLogin extends LoginFacts {
  readonly method: "change-password";
  readonly oldPassword: string;
  readonly newPassword: string;
}

/** A client is ready to be asked questions (RFC 4256). */
export interface KeyboardInteractiveLogin extends LoginFacts {
  readonly method: "keyboard-interactive";
  /** The client's hint, raw text. */
  readonly submethods: string;
  /**
   * Asks the user, in as many rounds as calls, and resolves with one response for each prompt. A prompt that is only a text is
   * answered unseen. No prompt at all shows the texts. Rejects when the client has given up: let it.
   */
  ask(
    prompts: readonly (string | Prompt)[],
    texts?: { readonly name?: string | undefined; readonly instruction?: string | undefined },
  ): Promise<readonly string[]>;
}

/** What a client wants to be let in by. Signatures have been verified when `signed` says so. */
export type Login = PublickeyLogin | PasswordLogin | ChangePasswordLogin | KeyboardInteractiveLogin;

/**
 * Decision about a login. `true`, or an object with `permissions` alone, lets in; `next` accepts this part and names the methods of which
 * one must follow (RFC 4252 §5.1); `changePassword` is the prompt for a new password. Everything else refuses, what a program without types
 * may return included. `true` grants sessions; forwarding must be granted by `permissions`. With several factors the login may do what the
 * permissions of all of them allow.
 */
export type LoginDecision =
  | boolean
  | { readonly permissions: Permissions; readonly next?: readonly LoginMethod[] | undefined }
  | { readonly next: readonly LoginMethod[] }
  | { readonly changePassword: string };

/** Decides about a login. What it throws refuses. Users who do not exist should take the same time, and get the same answer. */
export type Authenticate = (login: Login) => LoginDecision | Promise<LoginDecision>;

/** Every bound of a server's connection: those of the session, and these. */
export interface ServerLimits extends Limits {
  /**
   * Sessions open at once over one connection; one more is refused. As many handlers may go on behind a closed channel. Default 10, as
   * OpenSSH's MaxSessions.
   */
  readonly maxSessions: number;
  /** Environment variables that a session may be sent. Default 64. */
  readonly envVariables: number;
  /** Characters of all their names and values. Default 32,768. */
  readonly envLength: number;
  /**
   * Forwarded connections at once in both directions, those being opened included; one more is refused. Default 224: of the 256 channels
   * of `maxChannels`, 32 stay free for sessions.
   */
  readonly maxForwardedConnections: number;
  /** Listeners that a client has at once; one more is refused. Default 32. */
  readonly maxForwardListeners: number;
}

/** What happened, for a log. Texts of the client's are raw: escape them before showing them. */
export type ServerEvent =
  | { readonly type: "identified"; readonly clientVersion: string }
  | { readonly type: "login"; readonly user: string; readonly factors: readonly Factor[] }
  | {
      /** A login was refused by `authenticate`, or a key that the client only asked about (`signed` false). */
      readonly type: "login-refused";
      readonly user: string;
      readonly method: Login["method"];
      readonly fingerprint?: string;
      readonly signed?: boolean;
      /** What `authenticate` threw, if that was why. */
      readonly error?: unknown;
    }
  | {
      readonly type: "session-started";
      /** Counts from 0; free numbers are used again. */
      readonly session: number;
      readonly user: string;
      readonly kind: "exec" | "shell" | "subsystem";
      /** What is run: the forced command, where there is one. */
      readonly command: string | undefined;
      readonly subsystem: string | undefined;
      readonly pty: boolean;
    }
  | {
      readonly type: "session-ended";
      readonly session: number;
      /** `undefined` when the client went away before. */
      readonly exit: SessionExit | undefined;
      /** What the handler threw. */
      readonly error?: unknown;
    }
  /** A connection onward was opened for the client. */
  | { readonly type: "forward-opened"; readonly target: ForwardTarget; readonly originator: Originator | undefined }
  /** The server listens for the client; `address` has the port also where the client asked for port 0. */
  | { readonly type: "forward-listening"; readonly address: ListenAddress }
  /** The client took a connection to one of its listeners. */
  | { readonly type: "forward-accepted"; readonly address: ListenAddress; readonly originator: Originator | undefined }
  /** The client cancelled a listener. Others end with the connection, without an event. */
  | { readonly type: "forward-stopped"; readonly address: ListenAddress }
  /**
   * A request or channel was refused: `"pty-req"`, `"env LANG"`, `"subsystem sftp"`, `"x11"`, `"direct-tcpip example.org:80"`,
   * `"tcpip-forward localhost:8080"`. An unknown request that wants no reply is ignored without an event.
   */
  | {
      readonly type: "request-refused";
      readonly session: number | undefined;
      readonly request: string;
      readonly error?: unknown;
    }
  /** The connection has ended. Sessions whose handlers still run end after it. */
  | { readonly type: "closed"; readonly error: SshError };

/** All options of a server except the byte stream. Everything that is not allowed here is refused. */
export interface ServeOptions<S> extends TransportSettings {
  /** At least one. Of each kind the first that a client can verify is used. */
  readonly hostKeys: readonly (PrivateKey | RemoteHostKey)[];
  readonly authenticate: Authenticate;
  /** How clients may try to log in; `["publickey"]` by default. */
  readonly methods?: readonly LoginMethod[] | undefined;
  /** Shown before login. */
  readonly banner?: string | undefined;
  /** Runs commands and shells. Without it there are none. */
  readonly session?: SessionHandler<S> | undefined;
  /** Runs subsystems, by their names: `{ sftp: … }`. */
  readonly subsystems?: Readonly<Record<string, SessionHandler<S>>> | undefined;
  /**
   * Handles opens of other channel types than "session", by type, if the login's `permissions.channels` names the type. Call `accept` or
   * `reject` of the open, now or later. An exception refuses it, and is rethrown as an uncaught one.
   */
  readonly channels?: ApplicationHandlers["channels"];
  /** Handles global requests by name, if the login's `permissions.globalRequests` names it. Call `reply`, now or later. */
  readonly globalRequests?: ApplicationHandlers["globalRequests"];
  /**
   * Handles requests on sessions that Nacre has no meaning for, by name, if the login's `permissions.sessionRequests` names it. `true` grants
   * the request; everything else, an exception included, refuses it (RFC 4254 §6).
   */
  readonly sessionRequests?: ApplicationHandlers["sessionRequests"];
  /**
   * Forwards connections for logins whose `permissions.portForwarding` is true: `tcpForwarding` of `@nacre/node`, or functions of your own.
   * Default: none are forwarded. Forwarded connections end with the SSH connection, which `close` does not delay for them.
   */
  readonly forwarding?: Forwarding | undefined;
  /** Whether a session may have a pseudo-terminal, which the handler then has to provide. Default no. */
  readonly acceptPty?: boolean | ((pty: Pty) => boolean) | undefined;
  /** Whether a session may be sent an environment variable, as OpenSSH's AcceptEnv. Default no. */
  readonly acceptEnv?: ((name: string, value: string) => boolean) | undefined;
  /** Milliseconds from the beginning until the client must be logged in, all that the application is asked included; 0 for no end. Default 120,000. */
  readonly loginGraceTime?: number | undefined;
  /** What to offer, preferred first. The default is `defaultServerAlgorithms` of `nacre/defaults`. */
  readonly algorithms?: TransportAlgorithms | undefined;
  /** What user keys may sign with: named in server-sig-algs (RFC 8308 §3.1). All that there is, SHA-1 not, by default; of `nacre/core` the algorithms of host keys. */
  readonly userKeys?: readonly SignatureAlgorithm[] | undefined;
  /** Bounds, where the defaults do not suit. */
  readonly limits?: Overrides<ServerLimits> | undefined;
  /**
   * Announce all host keys in memory after login (`hostkeys-00@openssh.com`), so that clients learn new ones. Default true. Some clients
   * answer the announcement, which no peer should.
   */
  readonly announceHostKeys?: boolean | undefined;
  /** Where the client is: for `authenticate` and sessions. */
  readonly remoteAddress?: string | undefined;
  /** Aborting ends the connection at once. */
  readonly signal?: AbortSignal | undefined;
  /** Receives each event. Its exceptions are ignored. */
  readonly log?: ((event: ServerEvent) => void) | undefined;
  /** Receives each packet as it goes by, described without secrets. */
  readonly trace?: TracePort | undefined;
  /** Receives secrets, for Wireshark. */
  readonly keyLog?: KeyLogPort | undefined;
  /**
   * Whether chacha20-poly1305 may be a WebAssembly program (default true). False compiles none: for a page whose Content-Security-Policy
   * reports every attempt. Noble's cipher then serves, at a fifth of the speed.
   */
  readonly wasm?: boolean | undefined;
  /** Random bytes; the platform's `crypto.getRandomValues` by default. For platforms without, and tests that replay. */
  readonly random?: RandomSource | undefined;
}
