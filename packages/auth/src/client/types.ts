import type { PrivateKey, PublicKey } from "@nacre/keys";
import type { PacketSink } from "@nacre/packet";
import {
  type AskToken,
  type Bytes,
  type MethodContext,
  type Overrides,
  type Prompt,
  type RandomSource,
  type SshError,
} from "@nacre/wire";
import type { AuthLimits } from "../limits.ts";
import type { InteractiveMethods } from "./interactive.ts";

/** A key that a user can log in with. */
export interface Identity {
  readonly publicKey: PublicKey;
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
 * comes after the method "password", is skipped if that method already sent a password, and is tried once with a fixed password.
 */
export type PromptsSource = boolean | "password";

/** Options of `ClientAuth`. */
export interface ClientAuthOptions {
  /** Receives outgoing messages. */
  readonly sink: PacketSink;
  /** Exchange hash of the first key exchange; signatures cover it (RFC 4252 §7). */
  readonly sessionId: Uint8Array;
  readonly userName: string;
  /** Source of random bytes that blind RSA signatures. */
  readonly random: RandomSource;
  /** Keys to log in with, in order of preference. */
  readonly identities: readonly Identity[];
  /**
   * Returns the name of a key in errors, such as its SHA256 fingerprint, given its public key blob. By default errors show the key format.
   */
  readonly fingerprint?: (blob: Uint8Array) => string;
  readonly password: PasswordSource;
  readonly keyboardInteractive: PromptsSource;
  /** Code of the methods "password" and "keyboard-interactive", which these two sources need. */
  readonly interactiveMethods?: InteractiveMethods | undefined;
  readonly limits?: Overrides<AuthLimits> | undefined;
}

/** An event of `ClientAuth`: progress, or an ask. */
export type ClientAuthEvent =
  /** Changes the meaning of message numbers 60 to 79; the transport's gate needs it. */
  | { readonly type: "method"; readonly method: MethodContext | undefined }
  /** Banner (RFC 4252 §5.4). Raw text from the server: escape it before display. */
  | { readonly type: "banner"; readonly message: string }
  /** Asks for `answerSignature` with a signature blob of `algorithm` over `data`. */
  | {
      readonly type: "sign";
      readonly token: AskToken;
      readonly identity: Identity;
      readonly algorithm: string;
      readonly data: Bytes;
    }
  /** Asks for `answerPassword`. `attempt` counts from 1; from 2 on, the server refused the previous password. */
  | { readonly type: "password"; readonly token: AskToken; readonly attempt: number }
  /** Asks for `answerChangePassword`. `prompt` is raw text from the server. */
  | { readonly type: "change-password"; readonly token: AskToken; readonly prompt: string }
  /** Asks for `answerPrompts` with one response per prompt. There is at least one prompt. The texts are raw text from the server. */
  | {
      readonly type: "prompts";
      readonly token: AskToken;
      /** Number of the round in this conversation, from 1. */
      readonly round: number;
      readonly name: string;
      readonly instruction: string;
      readonly prompts: readonly Prompt[];
    }
  /** Keyboard-interactive text without prompts; the response was already sent. Raw text from the server. */
  | { readonly type: "instruction"; readonly name: string; readonly instruction: string }
  /** Authentication succeeded. Last event. */
  | { readonly type: "success" }
  /** Authentication failed: the server refused all attempts (`auth-failed`) or broke the protocol. Last event. */
  | { readonly type: "closed"; readonly error: SshError };

/** Interface through which a method sends messages and emits events. */
export interface ClientMethodHost {
  readonly options: ClientAuthOptions;
  readonly limits: AuthLimits;
  /** Sends SSH_MSG_USERAUTH_REQUEST (RFC 4252 §5). */
  request(methodName: string, methodData: Uint8Array): void;
  /** Sends a message whose answer the login waits for. */
  send(payload: Uint8Array): void;
  emit(event: ClientAuthEvent): void;
}
