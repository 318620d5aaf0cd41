import type { PrivateKey, PublicKey } from "@nacre/keys";
import type { Extension, LoginMessages, RandomSource } from "@nacre/wire";
import type { AuthLimits } from "../limits.ts";
import type { MethodAsk } from "./messages.ts";

/** A key that a user can log in with. */
export interface Identity {
  readonly publicKey: PublicKey;
  /** Name of the only signature algorithm to try, even if the server does not list it. Default: those of the key that it supports. */
  readonly algorithm?: string | undefined;
  /** Whether to ask the server first if it accepts the key. Default: unless it is the only key and in memory. */
  readonly isQueried?: boolean | undefined;
  /** Private key in memory. If missing (encrypted, in an agent, in hardware), a `sign` event asks for each signature. */
  readonly privateKey?: PrivateKey;
  /** Human-readable note, usually where the key comes from. */
  readonly comment?: string;
}

/**
 * Whether the application can answer `password` asks. "fixed": it has one known password, which is asked for once, before
 * keyboard-interactive.
 */
export type PasswordSource = boolean | "fixed";

/**
 * Whether the application can answer `prompts` asks. "password": it can answer only a prompt for the password. Keyboard-interactive then
 * comes after the method "password", is skipped if that method already asked for a password, and is tried once with a fixed password.
 */
export type PromptsSource = boolean | "password";

/** Options of a client that its login methods read. */
export interface ClientLoginOptions {
  /** Exchange hash of the first key exchange; signatures cover it (RFC 4252 §7). */
  readonly sessionId: Uint8Array;
  readonly userName: string;
  /** Source of random bytes that blind RSA signatures. */
  readonly random: RandomSource;
  /** Keys to log in with, in order of preference; `undefined` to ask for them when the first is needed. */
  readonly identities: readonly Identity[] | undefined;
  /** Host key of the first key exchange, for host-bound signatures. */
  readonly hostKey?: Uint8Array | undefined;
  /** Least size in bits of the RSA keys to log in with; default 2,048. */
  readonly minRsaBits?: number | undefined;
  /** Returns whether the server has announced this extension (RFC 8308). By default it announces none. */
  readonly announces?: (extension: Extension) => boolean;
  /**
   * Returns the name of a key in errors, such as its SHA256 fingerprint, given its public key blob. By default errors show the key format.
   */
  readonly fingerprint?: (blob: Uint8Array) => string;
  readonly password: PasswordSource;
  readonly keyboardInteractive: PromptsSource;
}

/** A login method of a client (RFC 4252 §5). `ClientAuth` tries the methods of its list in order. */
export interface ClientMethod extends LoginMessages {
  /** Whether a false server learns nothing from it that it could use elsewhere; default false. */
  readonly isSecretless?: boolean;
  /** Prepares the method for one login. */
  start(login: ClientLogin): ClientAttempts;
}

/** A login method during one login. */
export interface ClientAttempts {
  /**
   * Begins the next attempt: calls `request` or `ask` of the login. Returns false if there is nothing to try at the moment. Called when the
   * server accepts the method, or has not yet said what it accepts.
   */
  begin(): boolean;
  /** Returns why something was not tried, for the error of a login that failed. */
  notes?(): readonly string[];
}

/** A request that waits for the server. */
export interface ClientAttempt {
  /**
   * Handles a message of the method. Calls `send`, `request`, `ask` or `next` of the login, or nothing to wait for another message. Without
   * this function, such a message ends the connection.
   */
  receive?(payload: Uint8Array): void;
  /**
   * Handles SSH_MSG_USERAUTH_FAILURE. `accepted`: the attempt succeeded, but the server requires another factor. Returns the name of the
   * attempt for the error of a login that failed; `undefined` leaves it out.
   */
  failed(accepted: boolean): string | undefined;
}

/**
 * Actions of a login method. Each of its steps ends in one of `request`, `send`, `ask` and `next`. They throw `internal` while another
 * method is in use.
 */
export interface ClientLogin {
  readonly options: ClientLoginOptions;
  /** Whether the application chose this attempt. It is made once, even if the server does not list the method. */
  readonly isChosen: boolean;
  readonly limits: AuthLimits;
  /** Returns the methods in the server's last SSH_MSG_USERAUTH_FAILURE; `undefined` before the first. */
  canContinue(): readonly string[] | undefined;
  /** Returns the signature algorithms that the server supports (RFC 8308 §3.1); `undefined` if it did not say. */
  serverSigAlgs(): readonly string[] | undefined;
  /** Returns whether another method of the list was tried. */
  wasTried(method: string): boolean;
  /** Returns whether another method of the list is still to be tried, as far as the server accepts it now. */
  isDue(method: string): boolean;
  /**
   * Sends SSH_MSG_USERAUTH_REQUEST (RFC 4252 §5). A "queried" server can only refuse or go on. A "signed" request is expected to succeed,
   * so a channel open may follow it in the same flight. Default "sent". `variant` replaces the name of the method.
   */
  request(methodData: Uint8Array, attempt: ClientAttempt, kind?: "queried" | "signed" | "sent", variant?: string): void;
  /** Sends a message of the method and waits for the server. */
  send(payload: Uint8Array, attempt: ClientAttempt): void;
  /**
   * Asks the application: emits `ask` as an event with a token. `answered` gets the answer, whose type it must check. The ask stays open if
   * `answered` throws.
   */
  ask(ask: MethodAsk, answered: (answer: unknown) => void): void;
  /** Shows text of the server to the user. */
  show(name: string, instruction: string): void;
  /** Adds a note to the error of a login that fails. */
  note(text: string): void;
  /** Ends the attempt without an answer of the server, and tries the next one. */
  next(): void;
}
