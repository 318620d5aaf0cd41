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

/** A key that a user may log in with. */
export interface Identity {
  readonly publicKey: PublicKey;
  /** The key in memory, which signs at once. Without it (encrypted, in an agent, in hardware) signing is an ask. */
  readonly privateKey?: PrivateKey;
  /** For people: where the key comes from. */
  readonly comment?: string;
}

/** Whether the application can answer `password` asks. "fixed": with one known password, asked for once, before keyboard-interactive. */
export type PasswordSource = boolean | "fixed";

/**
 * Whether the application can answer `prompts` asks. "password": only a prompt for the fixed password. Keyboard-interactive is then tried
 * once, and not at all after that password was sent by the method "password".
 */
export type PromptsSource = boolean | "password";

/** Options of the client's side of authentication. */
export interface ClientAuthOptions {
  /** Where messages go. */
  readonly sink: PacketSink;
  /** The exchange hash of the first key exchange, which signatures are bound to (RFC 4252 §7). */
  readonly sessionId: Uint8Array;
  readonly userName: string;
  /** Blinds RSA signatures. */
  readonly random: RandomSource;
  /** Tried in this order, each once. */
  readonly identities: readonly Identity[];
  /** How errors call a key, given as a public key blob: as people compare keys. By its format otherwise. */
  readonly fingerprint?: (blob: Uint8Array) => string;
  readonly password: PasswordSource;
  readonly keyboardInteractive: PromptsSource;
  readonly limits?: Overrides<AuthLimits> | undefined;
}

/** Reports progress, or asks for something that only the application has. */
export type ClientAuthEvent =
  /** What message numbers 60 to 79 mean from now on: the context for the transport's gate. */
  | { readonly type: "method"; readonly method: MethodContext | undefined }
  /** RFC 4252 §5.4. Raw text of the server: escape it before showing it. */
  | { readonly type: "banner"; readonly message: string }
  /** Wants `answerSignature`: a signature blob of `algorithm` over `data`. */
  | {
      readonly type: "sign";
      readonly token: AskToken;
      readonly identity: Identity;
      readonly algorithm: string;
      readonly data: Bytes;
    }
  /** Wants `answerPassword`. `attempt` counts from 1: above it the last password was refused. */
  | { readonly type: "password"; readonly token: AskToken; readonly attempt: number }
  /** Wants `answerChangePassword`. The prompt is raw text of the server. */
  | { readonly type: "change-password"; readonly token: AskToken; readonly prompt: string }
  /** Wants `answerPrompts`: one response for each prompt (at least one prompt). Raw text of the server. */
  | {
      readonly type: "prompts";
      readonly token: AskToken;
      readonly name: string;
      readonly instruction: string;
      readonly prompts: readonly Prompt[];
    }
  /** Keyboard-interactive text without a question: it has been answered already. Raw text of the server. */
  | { readonly type: "instruction"; readonly name: string; readonly instruction: string }
  /** Authentication is complete. The last event. */
  | { readonly type: "success" }
  /** It cannot succeed any more: refused (`auth-failed`), or the server broke the protocol. The last event. */
  | { readonly type: "closed"; readonly error: SshError };

/** What a method does through the driver that runs it. */
export interface ClientMethodDriver {
  readonly options: ClientAuthOptions;
  readonly limits: AuthLimits;
  /** Sends SSH_MSG_USERAUTH_REQUEST (RFC 4252 §5). */
  request(methodName: string, methodData: Uint8Array): void;
  /** Sends a message whose answer the login waits for. */
  send(payload: Uint8Array): void;
  emit(event: ClientAuthEvent): void;
}
