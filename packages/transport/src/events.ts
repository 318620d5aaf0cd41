import type { PublicKey } from "@nacre/keys";
import type { AskToken, Bytes, Extension, SshError } from "@nacre/wire";
import type { NegotiatedAlgorithms } from "./options.ts";

/** What happened, and what is asked. While an ask is open, nothing else goes on. */
export type TransportEvent =
  /** The peer's identification string, without CR LF. */
  | { readonly type: "identified"; readonly peerVersion: string }
  /**
   * Ask of a client, answered by `answerHostKey`: is this the host's key? That the server holds it is proved: its signature over
   * the exchange hash was verified. Asked once in a connection: later exchanges must show the same key.
   */
  | {
      readonly type: "verify-host-key";
      readonly token: AskToken;
      /** `"rsa-sha2-512"` */
      readonly algorithm: string;
      /** Public key blob. */
      readonly hostKey: Bytes;
    }
  /** Ask of a server, answered by `answerSignature`: sign the exchange hash. */
  | {
      readonly type: "sign-exchange-hash";
      readonly token: AskToken;
      readonly algorithm: string;
      readonly hostKey: PublicKey;
      readonly data: Bytes;
    }
  /** What we send is protected by new keys from now on: messages may be written, without waiting for the peer's own NEWKEYS. */
  | {
      readonly type: "new-keys";
      /** The connection's first. */
      readonly initial: boolean;
      readonly negotiated: NegotiatedAlgorithms;
      readonly strictKex: boolean;
    }
  /** What the peer sends is, too: the key exchange is over. */
  | { readonly type: "keys-complete"; readonly initial: boolean }
  /** What the peer can do (RFC 8308). */
  | { readonly type: "ext-info"; readonly extensions: readonly Extension[] }
  /** A message for the layers above: 5, 6 and everything from 50 on. The bytes are the receiver's to read, and stay as they are. */
  | { readonly type: "message"; readonly payload: Bytes }
  /**
   * The peer did not understand our packet of that number (RFC 4253 §11.4). `kexMessage`: the name of the message in it, when that
   * belongs to the key exchange under way, which then cannot succeed.
   */
  | { readonly type: "unimplemented"; readonly sequenceNumber: number; readonly kexMessage: string | undefined }
  /** Text of the peer's for people: escape it before showing it (RFC 4253 §11.3). */
  | { readonly type: "debug"; readonly alwaysDisplay: boolean; readonly message: string }
  /**
   * This turn has done `maxTurnWork`, and there may be more to do. A driver of several connections lets the others have their turn before it
   * goes on; with one connection it may go on at once.
   */
  | { readonly type: "yield" }
  /** The last event. `error` says why: `disconnected` with what the peer said, `connection-lost`, or what went wrong. */
  | { readonly type: "closed"; readonly error: SshError };
