import { type Bytes, escapeText, SshError, type SshErrorCode, utf8DecodeLossy } from "@nacre/wire";

/** The target that a proxy client requests. */
export interface ProxyTarget {
  /** Host name, resolved by the SSH server, or an IP address as text (RFC 5952 for IPv6, without brackets). */
  readonly host: string;
  /** Port from 1 to 65535. */
  readonly port: number;
}

/** The step after one byte of a handshake. */
export type ProtocolStep =
  | {
      readonly type: "more";
      /** Bytes that the client waits for before it continues. */
      readonly reply?: Bytes;
    }
  | { readonly type: "connect"; readonly target: ProxyTarget }
  | {
      readonly type: "refused";
      /** Failure reply in the client's protocol. */
      readonly reply: Bytes;
      readonly reason: SshError;
    };

/** The server's side of a proxy protocol, for one connection. */
export interface ProxyProtocol {
  /** Takes the next byte of the handshake. Not called after "connect" or "refused". Stores a bounded number of bytes. */
  take(byte: number): ProtocolStep;
  /** Returns the reply for a connected target. */
  granted(): Bytes;
  /** Returns the reply for a target that could not be reached because of an error with this code. */
  refusedBy(code: SshErrorCode): Bytes;
}

/** The step for an incomplete handshake with nothing to send. */
export const MORE: ProtocolStep = { type: "more" };

/** Maximum length of a host name in bytes. SOCKS 5 sends the length as one byte (RFC 1928 §5); DNS allows 253 (RFC 1035 §2.3.4). */
export const MAX_HOST_NAME = 255;

/** Returns the step that refuses a request with `reply`. `problem` is the error message. */
export function refuse(reply: Bytes, problem: string): ProtocolStep {
  return { type: "refused", reply, reason: new SshError("proxy-request-refused", problem) };
}

/**
 * Returns `bytes` as a host name; `undefined` if they are empty or not printable US-ASCII. Names in other scripts must be sent as A-labels
 * (RFC 5890 §2.3.2.1).
 */
export function hostName(bytes: readonly number[]): string | undefined {
  const printable = bytes.length > 0 && bytes.every((byte) => byte > 0x20 && byte < 0x7f);
  return printable ? String.fromCharCode(...bytes) : undefined;
}

/** Returns the first bytes of an invalid host name, quoted and escaped for an error message. */
export function quote(bytes: readonly number[]): string {
  const text = escapeText(utf8DecodeLossy(Uint8Array.from(bytes.slice(0, 60))));
  return `"${text}${bytes.length > 60 ? "…" : ""}"`;
}
