import { parseAddress } from "@nacre/keyfiles/internal";
import { type Bytes, type SshErrorCode, utf8Encode } from "@nacre/wire";
import { ipv6Text } from "./ipv6-text.ts";
import {
  MAX_HOST_NAME,
  MORE,
  type ProtocolStep,
  type ProxyProtocol,
  type ProxyTarget,
  refuse,
} from "./proxy-protocol.ts";

/** Bytes of the request line and the header fields, the empty line included. */
const MAX_HEAD = 16 * 1024;
const CR = 0x0d;
const LF = 0x0a;

/** method, request-target, HTTP-version (RFC 9112 §3); a method is a token (RFC 9110 §5.6.2). */
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP\/1\.\d$/;
/** Without a blank before the colon (RFC 9112 §5.1) and without line folding (§5.2), which two readers may understand differently. */
const FIELD_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:/;
/** authority-form (RFC 9112 §3.2.3): an IPv6 address in brackets, or the unreserved characters and sub-delims of RFC 3986 §2. */
const AUTHORITY = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._~!$&'()*+,;=-]+)):(\d{1,5})$/;

/** Statuses by the error of the dial. Any other failure is a Bad Gateway. */
const STATUS_OF_FAILURE: { readonly [Code in SshErrorCode]?: string } = {
  "forward-denied": "403 Forbidden",
  "forward-limit": "503 Service Unavailable",
  "channel-limit": "503 Service Unavailable",
};

/**
 * The CONNECT method of HTTP/1.x (RFC 9110 §9.3.6). Header fields are checked for their form and ignored: Host repeats the target, and
 * a CONNECT has no content. The bytes after the empty line belong to the tunnel.
 */
export class HttpConnect implements ProxyProtocol {
  #headLength = 0;
  /** The line that is being read, without its LF. */
  #line: number[] = [];
  /** The target of the request line, once it was read. */
  #target: ProxyTarget | undefined;

  take(byte: number): ProtocolStep {
    if (++this.#headLength > MAX_HEAD)
      return refuse(
        failure("431 Request Header Fields Too Large"),
        `HTTP request with a head of more than ${MAX_HEAD} bytes; remove header fields`,
      );
    if (byte === LF) return this.#takeLine();
    // A CR that is not before LF ends a line for some readers only (RFC 9112 §2.2).
    if (this.#line.at(-1) === CR || isControl(byte)) return badRequest("a control character inside a line");
    this.#line.push(byte);
    return MORE;
  }

  granted(): Bytes {
    // A 2xx must not have Content-Length: the bytes that follow belong to the tunnel (RFC 9110 §9.3.6).
    return utf8Encode("HTTP/1.1 200 Connection Established\r\n\r\n");
  }

  refusedBy(code: SshErrorCode): Bytes {
    return failure(STATUS_OF_FAILURE[code] ?? "502 Bad Gateway");
  }

  /** A line ends with CR LF, or LF alone (RFC 9112 §2.2). */
  #takeLine(): ProtocolStep {
    if (this.#line.at(-1) === CR) this.#line.pop();
    const line = String.fromCharCode(...this.#line);
    this.#line = [];
    if (this.#target !== undefined) {
      if (line === "") return { type: "connect", target: this.#target };
      return FIELD_LINE.test(line) ? MORE : badRequest("a malformed header field");
    }
    const [, method, requestTarget] = REQUEST_LINE.exec(line) ?? [];
    if (method === undefined || requestTarget === undefined) return badRequest("a malformed request line");
    if (method !== "CONNECT")
      return refuse(
        // A 405 must say what is allowed (RFC 9110 §15.5.6).
        failure("405 Method Not Allowed", "Allow: CONNECT"),
        `HTTP request with the method ${method.slice(0, 40)}; only CONNECT is supported: set the client to tunnel through the proxy`,
      );
    this.#target = targetOf(requestTarget);
    return this.#target === undefined ? badRequest("a target other than host:port") : MORE;
  }
}

/** CTL but HTAB and CR (RFC 9110 §5.5). */
function isControl(byte: number): boolean {
  return (byte < 0x20 && byte !== 0x09 && byte !== CR) || byte === 0x7f;
}

/** The host and port of an authority; `undefined` if it is malformed. */
function targetOf(authority: string): ProxyTarget | undefined {
  const [, literal, name, digits] = AUTHORITY.exec(authority) ?? [];
  const port = Number(digits);
  if (!(port >= 1 && port <= 65_535)) return undefined;
  if (name !== undefined) return name.length <= MAX_HOST_NAME ? { host: name, port } : undefined;
  const address = parseAddress(literal!);
  return address?.length === 16 ? { host: ipv6Text(address), port } : undefined;
}

/** Names the problem without the line, which may hold a password: in a URL, or as Proxy-Authorization. */
function badRequest(problem: string): ProtocolStep {
  return refuse(failure("400 Bad Request"), `HTTP request with ${problem}`);
}

/** A response without content, after which the connection ends. */
function failure(status: string, ...fields: readonly string[]): Bytes {
  const lines = [`HTTP/1.1 ${status}`, ...fields, "Content-Length: 0", "Connection: close", "", ""];
  return utf8Encode(lines.join("\r\n"));
}
