import type { Certificate, PublicKey } from "@nacre/keys";
import type { AskToken, Bytes, Extension, SshError } from "@nacre/wire";
import type { NegotiatedAlgorithms } from "./options.ts";

/** Event of a transport. While an ask (`verify-host-key`, `sign-exchange-hash`) is open, the transport waits for its answer. */
export type TransportEvent =
  /** The peer's identification string, and the lines before it (`IdentificationReader.linesBefore`), without CR LF. */
  | { readonly type: "identified"; readonly peerVersion: string; readonly linesBefore: readonly string[] }
  /**
   * Asks a client whether to accept the host key; answer with `answerHostKey`. The server's signature over the exchange hash is already
   * verified, so the server holds the private key. Asked once per connection: later key exchanges must use the same host key.
   */
  | {
      readonly type: "verify-host-key";
      readonly token: AskToken;
      /** Signature algorithm, such as `"rsa-sha2-512"`. */
      readonly algorithm: string;
      /** Public key blob, or a certificate. */
      readonly hostKey: Bytes;
      /** The certificate, if it is one. Its authority's signature is verified, and nothing else. */
      readonly certificate: Certificate | undefined;
    }
  /** Asks a server to sign the exchange hash `data`; answer with `answerSignature`. */
  | {
      readonly type: "sign-exchange-hash";
      readonly token: AskToken;
      readonly algorithm: string;
      readonly hostKey: PublicKey;
      readonly data: Bytes;
    }
  /** Sent packets use new keys from now on. Messages may be written without waiting for the peer's NEWKEYS. */
  | {
      readonly type: "new-keys";
      /** Whether this is the first key exchange of the connection. */
      readonly initial: boolean;
      readonly negotiated: NegotiatedAlgorithms;
      readonly strictKex: boolean;
    }
  /** Received packets use new keys too. The key exchange is complete. */
  | { readonly type: "keys-complete"; readonly initial: boolean }
  /** Extensions of the peer (RFC 8308). */
  | { readonly type: "ext-info"; readonly extensions: readonly Extension[] }
  /** Message for the layers above: 5, 6 or a number from 50. The transport does not modify the payload afterwards. */
  | { readonly type: "message"; readonly payload: Bytes }
  /**
   * The peer did not recognize our packet with this sequence number (RFC 4253 §11.4). `kexMessage` is the name of its message if it belongs
   * to the current key exchange, which then cannot succeed.
   */
  | { readonly type: "unimplemented"; readonly sequenceNumber: number; readonly kexMessage: string | undefined }
  /**
   * The peer ends the connection (RFC 4253 §11.1); `closed` follows. Its text is cut to 500 characters. Escape it before showing it.
   */
  | { readonly type: "disconnect"; readonly reasonCode: number; readonly description: string }
  /** Debug text from the peer. Escape it before showing it (RFC 4253 §11.3). */
  | { readonly type: "debug"; readonly alwaysDisplay: boolean; readonly message: string }
  /**
   * The turn has used up `maxTurnWork`, and more input may be buffered. A driver of several connections serves the others before it
   * continues; a driver of one connection may continue immediately.
   */
  | { readonly type: "yield" }
  /** Last event. `error` is the reason: `disconnected` with the peer's description, `connection-lost`, or the error that occurred. */
  | { readonly type: "closed"; readonly error: SshError };
