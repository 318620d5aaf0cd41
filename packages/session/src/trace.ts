/** One line of a protocol trace. Never holds a secret: payloads are described, not shown. */
export type TraceRecord =
  | {
      readonly type: "identification";
      readonly direction: "sent" | "received";
      /** Without CR LF. */
      readonly line: string;
    }
  | {
      readonly type: "packet";
      readonly direction: "sent" | "received";
      readonly sequenceNumber: number;
      /** Bytes on the wire, length field and MAC included. */
      readonly wireLength: number;
      /** `"SSH_MSG_CHANNEL_OPEN"` */
      readonly message: string;
      /** What matters in it, escaped, on one line. Empty where the name says it all. */
      readonly summary: string;
    }
  | {
      /** What both sides' proposals came to, told when the exchange is over. */
      readonly type: "negotiated";
      /** `"kex=… hostkey=… cipher=… mac=…"`, on one line, and whether key exchange is strict. */
      readonly summary: string;
    };

/** Receives the trace of a session, packet by packet, as it happens. */
export type TracePort = (record: TraceRecord) => void;

/**
 * The one door through which a secret leaves, for debugging with Wireshark: the client's KEXINIT cookie (16 bytes) and the
 * shared secret of each key exchange. Both together decrypt a recorded session.
 */
export type KeyLogPort = (clientCookie: Uint8Array, sharedSecret: Uint8Array) => void;
