import { type Bytes, escapeText, SshError, type SshErrorCode, utf8DecodeLossy } from "@nacre/wire";

/** Where a client of a proxy wants to connect to. */
export interface ProxyTarget {
  /** A host name, resolved at the far end, or an IP address in its usual text form (RFC 5952 for IPv6, without brackets). */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** The result of one byte of a handshake. */
export type ProtocolStep =
  | {
      readonly type: "more";
      /** Bytes to send before the client goes on. */
      readonly reply?: Bytes;
    }
  | { readonly type: "connect"; readonly target: ProxyTarget }
  | {
      readonly type: "refused";
      /** The failure in terms of the protocol. */
      readonly reply: Bytes;
      readonly reason: SshError;
    };

/** The server's side of one proxy protocol, for one connection. */
export interface ProxyProtocol {
  /** Takes the next byte of the handshake. Not called again after "connect" or "refused". Keeps a bounded number of bytes. */
  take(byte: number): ProtocolStep;
  /** Returns the reply to a request whose target was reached. */
  granted(): Bytes;
  /** Returns the reply to a request whose target was not reached, because of an error with this code. */
  refusedBy(code: SshErrorCode): Bytes;
}

/** More bytes are needed, and there is nothing to send. */
export const MORE: ProtocolStep = { type: "more" };

/** Bytes of a host name: SOCKS 5 writes the length as one byte (RFC 1928 §5), and DNS allows 253 (RFC 1035 §2.3.4). */
export const MAX_HOST_NAME = 255;

/** Makes the step that refuses a request with `reply`, because of `problem`. */
export function refuse(reply: Bytes, problem: string): ProtocolStep {
  return { type: "refused", reply, reason: new SshError("proxy-request-refused", problem) };
}

/**
 * Returns the host name that `bytes` spell; `undefined` if it is empty or has anything but printable US-ASCII. Names in other scripts
 * travel as A-labels (RFC 5890 §2.3.2.1).
 */
export function hostName(bytes: readonly number[]): string | undefined {
  const printable = bytes.length > 0 && bytes.every((byte) => byte > 0x20 && byte < 0x7f);
  return printable ? String.fromCharCode(...bytes) : undefined;
}

/** Returns the first bytes of an invalid host name, in quotes and escaped, for an error message. */
export function quote(bytes: readonly number[]): string {
  const text = escapeText(utf8DecodeLossy(Uint8Array.from(bytes.slice(0, 60))));
  return `"${text}${bytes.length > 60 ? "…" : ""}"`;
}
