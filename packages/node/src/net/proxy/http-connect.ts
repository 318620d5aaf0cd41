import { type Bytes, base64Encode, utf8Encode } from "@nacre/wire";
import {
  type AnswerStep,
  checkedTarget,
  MORE,
  type ProxyDialogue,
  type ProxyTarget,
  proxyText,
  refused,
} from "./dialogue.ts";
import type { ProxyLogin } from "./proxy-url.ts";

/** Maximum number of bytes of all headers together, including those of interim answers. */
const MAX_HEAD = 16 * 1024;
const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const DELETE = 0x7f;

const PROTOCOL = "HTTP/";
/** HTTP-version, status code and reason phrase (RFC 9112 §4). */
const STATUS_LINE = /^HTTP\/1\.[0-9] ([1-5][0-9]{2})(?: (.*))?$/;

/**
 * The client's side of HTTP CONNECT (RFC 9110 §9.3.6) with the Basic scheme (RFC 7617). Header fields are ignored, since an answer 2xx to
 * CONNECT has no content: what follows its header is the target's.
 */
export class HttpConnectDialogue implements ProxyDialogue {
  readonly hello: Bytes;
  readonly #hasLogin: boolean;
  #length = 0;
  /** The current line, without its LF. */
  #line: number[] = [];
  #part: "status line" | "fields of the answer" | "fields of an interim answer" = "status line";

  constructor(target: ProxyTarget, login: ProxyLogin | undefined) {
    const { host, port } = checkedTarget(target);
    const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    const fields = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`];
    if (login !== undefined)
      fields.push(`Proxy-Authorization: Basic ${base64Encode(utf8Encode(`${login.user}:${login.password}`))}`);
    this.hello = utf8Encode(`${fields.join("\r\n")}\r\n\r\n`);
    this.#hasLogin = login !== undefined;
  }

  take(byte: number): AnswerStep {
    // rule: proxy-answer-length
    if (++this.#length > MAX_HEAD) return refused(`the header of the answer is longer than ${MAX_HEAD} bytes`);
    if (byte === LF) return this.#takeLine();
    if (isControl(byte) || this.#line.at(-1) === CR) return refused("the answer has a control character in its header");
    this.#line.push(byte);
    if (
      this.#part === "status line" &&
      this.#line.length <= PROTOCOL.length &&
      !PROTOCOL.startsWith(textOf(this.#line))
    )
      return refused("the answer is not HTTP");
    return MORE;
  }

  /** Handles the end of a line: CR LF, or LF alone (RFC 9112 §2.2). */
  #takeLine(): AnswerStep {
    if (this.#line.at(-1) === CR) this.#line.pop();
    const line = textOf(this.#line);
    this.#line = [];
    if (this.#part === "status line") return this.#takeStatus(line);
    if (line !== "") return MORE;
    if (this.#part === "fields of the answer") return { type: "connected" };
    this.#part = "status line";
    return MORE;
  }

  #takeStatus(line: string): AnswerStep {
    const [, status, phrase = ""] = STATUS_LINE.exec(line) ?? [];
    if (status === undefined) return refused("the answer is not HTTP/1.1");
    if (status.startsWith("1")) {
      this.#part = "fields of an interim answer";
      return MORE;
    }
    // rule: proxy-status
    if (!status.startsWith("2")) return refused(`${proxyText(`${status} ${phrase}`.trim())}${this.#remedyFor(status)}`);
    this.#part = "fields of the answer";
    return MORE;
  }

  #remedyFor(status: string): string {
    if (status !== "407") return "";
    return this.#hasLogin ? "; it refused user name and password" : "; give user and password in `proxy`";
  }
}

/** Returns whether a byte is a control character other than TAB and CR (RFC 9110 §5.5). */
function isControl(byte: number): boolean {
  return (byte < 0x20 && byte !== TAB && byte !== CR) || byte === DELETE;
}

/** Returns the bytes as ISO-8859-1. */
function textOf(bytes: readonly number[]): string {
  return String.fromCharCode(...bytes);
}
