import type { NegotiatedAlgorithms } from "@nacre/transport";
import type { SshError } from "@nacre/wire";

/**
 * An event of a client's connection, for the option `events` of `connect`. Texts come from the server: escape them before display. With
 * `reconnect`, each connection has its own.
 */
export type ConnectEvent =
  /** The server identified itself. */
  | {
      readonly type: "identified";
      /** Its identification string, such as `"SSH-2.0-OpenSSH_10.0"`. */
      readonly peerVersion: string;
      /** Lines that it sent before, without line ends, decoded as UTF-8. Those beyond 64 KiB are left out (RFC 4253 §4.2). */
      readonly linesBefore: readonly string[];
    }
  /** A key exchange: what is sent from now on is encrypted with new keys (RFC 4253 §7.3). */
  | {
      readonly type: "kex";
      /** Whether it is the first one of the connection. */
      readonly initial: boolean;
      readonly negotiated: NegotiatedAlgorithms;
    }
  /** A text to show before the login (RFC 4252 §5.4). `limits.authBanners` and `limits.authBannerBytes` bound them. */
  | { readonly type: "banner"; readonly message: string }
  /** The text of a login method that asks nothing, such as keyboard-interactive without prompts (RFC 4256 §3.2). */
  | { readonly type: "instruction"; readonly name: string; readonly instruction: string }
  /** A message for debugging, cut to 1024 bytes (RFC 4253 §11.3). `alwaysDisplay`: whether the server wants it shown in any case. */
  | { readonly type: "debug"; readonly alwaysDisplay: boolean; readonly message: string }
  /** The server ends the connection (RFC 4253 §11.1). "failed" follows, except after `end()`. */
  | {
      readonly type: "disconnect";
      /** A reason of RFC 4253 §11.1, or any other number. */
      readonly reasonCode: number;
      /** The server's text, cut to 500 characters. */
      readonly description: string;
    }
  /**
   * Connecting failed, or the connection ended, with this error; not after `close()` and `end()`. Last event. Calls fail, and resources are
   * released, only after it: then `connect` rejects, or `ended` resolves, with this error.
   */
  | { readonly type: "failed"; readonly error: SshError };
