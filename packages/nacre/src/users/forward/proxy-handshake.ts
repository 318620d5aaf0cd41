import { type Bytes, concatBytes, copyBytes, SshError, type SshErrorCode } from "@nacre/wire";
import { HttpConnect } from "./http-connect.ts";
import { type ProtocolStep, type ProxyProtocol, type ProxyTarget, refuse } from "./proxy-protocol.ts";
import { SOCKS4_VERSION, Socks4 } from "./socks4.ts";
import { SOCKS5_VERSION, Socks5 } from "./socks5.ts";

/** The action after bytes from a proxy client. Always send `reply` first; it is often empty. */
export type ProxyStep =
  /** The handshake is incomplete. Pass the client's next bytes to `receive`. */
  | { readonly type: "more"; readonly reply: Bytes }
  /**
   * Connect to `target`, then send `granted()` or `refusedBy(…)`. `rest` is a copy of the bytes after the request: the first bytes of the
   * tunnel, followed by the client's next bytes.
   */
  | { readonly type: "connect"; readonly reply: Bytes; readonly target: ProxyTarget; readonly rest: Bytes }
  /** The request is invalid or not supported. Close the connection after `reply`. */
  | { readonly type: "refused"; readonly reply: Bytes; readonly reason: SshError };

type State =
  | { readonly kind: "first-byte" }
  | { readonly kind: "reading"; readonly protocol: ProxyProtocol }
  | { readonly kind: "connecting"; readonly protocol: ProxyProtocol }
  | { readonly kind: "over" };

/**
 * The server's side of one proxy handshake. The first byte selects SOCKS 4 or 4a, SOCKS 5 without authentication (RFC 1928), or HTTP
 * CONNECT (RFC 9110 §9.3.6). Supports only the CONNECT command, and does not resolve host names. Input may be split anywhere. A handshake
 * takes at most 16 KiB, with SOCKS less than 1 KiB.
 */
export class ProxyHandshake {
  #state: State = { kind: "first-byte" };

  /**
   * Takes the client's next bytes, without keeping or changing them. An invalid request returns the step "refused", with a
   * `proxy-request-refused` error. Throws `internal` for bytes after "connect" or "refused".
   */
  receive(bytes: Uint8Array): ProxyStep {
    let reply: Bytes = new Uint8Array(0);
    for (const [index, byte] of bytes.entries()) {
      const step = this.#take(byte);
      switch (step.type) {
        case "more":
          if (step.reply !== undefined) reply = concatBytes(reply, step.reply);
          break;
        case "connect":
          return { type: "connect", reply, target: step.target, rest: copyBytes(bytes.subarray(index + 1)) };
        case "refused":
          return { type: "refused", reply: concatBytes(reply, step.reply), reason: step.reason };
      }
    }
    return { type: "more", reply };
  }

  /** Ends the handshake and returns the reply for a connected target. Throws `internal` unless the last step was "connect". */
  granted(): Bytes {
    return this.#conclude().granted();
  }

  /**
   * Ends the handshake and returns the reply for a failed connection. `code` is the error code of `dialChannel`. Throws `internal` unless
   * the last step was "connect".
   */
  refusedBy(code: SshErrorCode): Bytes {
    return this.#conclude().refusedBy(code);
  }

  #take(byte: number): ProtocolStep {
    if (this.#state.kind === "first-byte") {
      const protocol = protocolOf(byte);
      if (protocol === undefined) {
        this.#state = { kind: "over" };
        return refuse(
          new Uint8Array(0),
          `first byte 0x${byte.toString(16).padStart(2, "0")} is not SOCKS 4, SOCKS 5 or HTTP; use one of these protocols without TLS`,
        );
      }
      this.#state = { kind: "reading", protocol };
    }
    if (this.#state.kind !== "reading") throw new SshError("internal", "proxy handshake received bytes after its end");
    const { protocol } = this.#state;
    const step = protocol.take(byte);
    if (step.type === "connect") this.#state = { kind: "connecting", protocol };
    if (step.type === "refused") this.#state = { kind: "over" };
    return step;
  }

  #conclude(): ProxyProtocol {
    if (this.#state.kind !== "connecting")
      throw new SshError("internal", "proxy handshake has no pending request to reply to");
    const { protocol } = this.#state;
    this.#state = { kind: "over" };
    return protocol;
  }
}

function protocolOf(firstByte: number): ProxyProtocol | undefined {
  if (firstByte === SOCKS4_VERSION) return new Socks4();
  if (firstByte === SOCKS5_VERSION) return new Socks5();
  return /[A-Za-z]/.test(String.fromCharCode(firstByte)) ? new HttpConnect() : undefined;
}
