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

/** Maximum number of bytes of the request line and header fields, including the empty line. */
const MAX_HEAD = 16 * 1024;
const CR = 0x0d;
const LF = 0x0a;

/** Method, request-target and HTTP-version (RFC 9112 §3). The method has the characters of RFC 9110 §5.6.2. */
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP\/1\.\d$/;
/** A field line. Rejects a space before the colon (RFC 9112 §5.1) and line folding (§5.2), because parsers differ on both. */
const FIELD_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:/;
/** The authority-form (RFC 9112 §3.2.3): an IPv6 address in brackets, or unreserved characters and sub-delims (RFC 3986 §2). */
const AUTHORITY = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._~!$&'()*+,;=-]+)):(\d{1,5})$/;

/** HTTP status by error code of `dialChannel`. Other errors give 502 Bad Gateway. */
const STATUS_OF_FAILURE: { readonly [Code in SshErrorCode]?: string } = {
  "forward-denied": "403 Forbidden",
  "forward-limit": "503 Service Unavailable",
  "channel-limit": "503 Service Unavailable",
};

/**
 * The CONNECT method of HTTP/1.x (RFC 9110 §9.3.6). The syntax of header fields is checked; their content is ignored, because Host repeats
 * the target and CONNECT has no content. Bytes after the empty line belong to the tunnel.
 */
export class HttpConnect implements ProxyProtocol {
  #headLength = 0;
  /** The current line, without its LF. */
  #line: number[] = [];
  /** Target from the request line; `undefined` until it is read. */
  #target: ProxyTarget | undefined;

  take(byte: number): ProtocolStep {
    if (++this.#headLength > MAX_HEAD)
      return refuse(
        failure("431 Request Header Fields Too Large"),
        `HTTP request header is longer than ${MAX_HEAD} bytes; remove header fields`,
      );
    if (byte === LF) return this.#takeLine();
    // Reject a CR without LF, which only some parsers take as a line end (RFC 9112 §2.2).
    if (this.#line.at(-1) === CR || isControl(byte)) return badRequest("control character inside a line");
    this.#line.push(byte);
    return MORE;
  }

  granted(): Bytes {
    // A 2xx reply to CONNECT must not have Content-Length: the tunnel follows (RFC 9110 §9.3.6).
    return utf8Encode("HTTP/1.1 200 Connection Established\r\n\r\n");
  }

  refusedBy(code: SshErrorCode): Bytes {
    return failure(STATUS_OF_FAILURE[code] ?? "502 Bad Gateway");
  }

  /** Handles the end of a line: CR LF, or LF alone (RFC 9112 §2.2). */
  #takeLine(): ProtocolStep {
    if (this.#line.at(-1) === CR) this.#line.pop();
    const line = String.fromCharCode(...this.#line);
    this.#line = [];
    if (this.#target !== undefined) {
      if (line === "") return { type: "connect", target: this.#target };
      return FIELD_LINE.test(line) ? MORE : badRequest("malformed header field");
    }
    const [, method, requestTarget] = REQUEST_LINE.exec(line) ?? [];
    if (method === undefined || requestTarget === undefined) return badRequest("malformed request line");
    if (method !== "CONNECT")
      return refuse(
        // A 405 reply must list the allowed methods (RFC 9110 §15.5.6).
        failure("405 Method Not Allowed", "Allow: CONNECT"),
        `unsupported HTTP method ${method.slice(0, 40)}; set the client to tunnel through the proxy with CONNECT`,
      );
    this.#target = targetOf(requestTarget);
    return this.#target === undefined ? badRequest("target must have the form host:port") : MORE;
  }
}

/** Returns whether a byte is a control character other than HTAB and CR (RFC 9110 §5.5). */
function isControl(byte: number): boolean {
  return (byte < 0x20 && byte !== 0x09 && byte !== CR) || byte === 0x7f;
}

/** Returns the host and port of an authority; `undefined` if it is malformed. */
function targetOf(authority: string): ProxyTarget | undefined {
  const [, literal, name, digits] = AUTHORITY.exec(authority) ?? [];
  const port = Number(digits);
  if (!(port >= 1 && port <= 65_535)) return undefined;
  if (name !== undefined) return name.length <= MAX_HOST_NAME ? { host: name, port } : undefined;
  const address = parseAddress(literal!);
  return address?.length === 16 ? { host: ipv6Text(address), port } : undefined;
}

/** Refuses with 400. The message omits the line, which may contain a password in a URL or in Proxy-Authorization. */
function badRequest(problem: string): ProtocolStep {
  return refuse(failure("400 Bad Request"), `invalid HTTP request: ${problem}`);
}

/** Returns a response without content that closes the connection. */
function failure(status: string, ...fields: readonly string[]): Bytes {
  const lines = [`HTTP/1.1 ${status}`, ...fields, "Content-Length: 0", "Connection: close", "", ""];
  return utf8Encode(lines.join("\r\n"));
}
