import type { NegotiatedAlgorithms, PacketTrace } from "@nacre/transport";
import type { Methods } from "@nacre/wire";

/** One record of a protocol trace. It holds no secrets: payloads are described, not shown. */
export type TraceRecord =
  | {
      readonly type: "identification";
      readonly direction: "sent" | "received";
      /** The identification line without CR LF. */
      readonly line: string;
    }
  | {
      readonly type: "packet";
      readonly direction: "sent" | "received";
      readonly sequenceNumber: number;
      /** Bytes on the wire, including the length field and MAC. */
      readonly wireLength: number;
      /** Message name, such as `"SSH_MSG_CHANNEL_OPEN"`. */
      readonly message: string;
      /** Main fields of the message on one line, escaped. Empty if the name is sufficient. */
      readonly summary: string;
    }
  | {
      /** The negotiated algorithms, recorded when the key exchange ends. */
      readonly type: "negotiated";
      /** `"kex=… hostkey=… cipher=… mac=…"` on one line, then whether key exchange is strict. */
      readonly summary: string;
    };

/** Receives the records of a connection's trace as they occur. */
export type TracePort = (record: TraceRecord) => void;

/** Receives what a protocol machine sends and receives. `describedTrace` makes one for a `TracePort`. Must not call the machine. */
export interface ProtocolTrace {
  /** Called for each identification string; `line` has no CR LF. */
  identification(direction: "sent" | "received", line: string): void;
  /** Called for each packet. `methods` gives the numbers 30–49 and 60–79 their meaning. */
  packet(packet: PacketTrace, methods: Methods): void;
  /** Called when a key exchange ends. */
  newKeys(negotiated: NegotiatedAlgorithms, strictKex: boolean): void;
}

/**
 * Receives secrets for debugging with Wireshark: the client's KEXINIT cookie (16 bytes) and the shared secret of each key exchange.
 * Together they decrypt a recorded connection. No other interface exposes secrets.
 */
export type KeyLogPort = (clientCookie: Uint8Array, sharedSecret: Uint8Array) => void;
