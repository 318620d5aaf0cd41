import { parseAddress } from "@nacre/keyfiles/internal";
import { type Bytes, concatBytes, utf8Encode } from "@nacre/wire";
import { SOCKS5_ADDRESS_TYPE, socks5AddressLength } from "nacre/internal-on-demand";
import { type AnswerStep, checkedTarget, MORE, type ProxyDialogue, type ProxyTarget, refused } from "./dialogue.ts";
import type { ProxyLogin } from "./proxy-url.ts";

const VERSION = 5;
/** Version of the login's messages (RFC 1929 §2). */
const LOGIN_VERSION = 1;
const METHOD = { NONE: 0, LOGIN: 2, NO_ACCEPTABLE: 0xff } as const;
const CONNECT = 1;

/** Meaning of reply codes, from 1 (RFC 1928 §6). */
const FAILURES = [
  "general failure of the proxy",
  "connection not allowed by the proxy",
  "network unreachable",
  "host unreachable",
  "connection refused",
  "TTL expired",
  "the proxy does not support CONNECT",
  "the proxy does not support this type of address",
] as const;

/** The client's side of SOCKS 5 (RFC 1928) with a login by user name and password (RFC 1929). The proxy looks up names. */
export class Socks5Dialogue implements ProxyDialogue {
  readonly hello: Bytes;
  readonly #request: Bytes;
  readonly #login: ProxyLogin | undefined;
  #stage: "method" | "login" | "reply" = "method";
  /** Bytes of the current answer. */
  #answer: number[] = [];

  constructor(target: ProxyTarget, login: ProxyLogin | undefined) {
    const methods = login === undefined ? [METHOD.NONE] : [METHOD.NONE, METHOD.LOGIN];
    this.hello = Uint8Array.of(VERSION, methods.length, ...methods);
    this.#request = requestFor(checkedTarget(target));
    this.#login = login;
  }

  take(byte: number): AnswerStep {
    this.#answer.push(byte);
    const [version] = this.#answer;
    // A proxy's login may have either version.
    if (version !== VERSION && !(this.#stage === "login" && version === LOGIN_VERSION))
      return refused(`the answer is not SOCKS 5; it starts with 0x${byte.toString(16).padStart(2, "0")}`);
    switch (this.#stage) {
      case "method":
        return this.#takeMethod(this.#answer);
      case "login":
        return this.#takeLoginResult(this.#answer);
      case "reply":
        return readReply(this.#answer);
    }
  }

  /** Reads version and method (RFC 1928 §3). */
  #takeMethod([, method]: readonly number[]): AnswerStep {
    if (method === undefined) return MORE;
    if (method === METHOD.NONE) return this.#next("reply", this.#request);
    if (/* rule: proxy-method */ this.#login !== undefined && method === METHOD.LOGIN)
      return this.#next("login", loginMessage(this.#login));
    if (method !== METHOD.NO_ACCEPTABLE)
      return refused(`the proxy chose login method ${method}, which was not offered`);
    return refused(
      this.#login === undefined
        ? "the proxy needs a login; give user and password in `proxy`"
        : "the proxy offers no login by user name and password",
    );
  }

  /** Reads version and status (RFC 1929 §2). */
  #takeLoginResult([, status]: readonly number[]): AnswerStep {
    if (status === undefined) return MORE;
    return /* rule: proxy-login-status */ status === 0
      ? this.#next("reply", this.#request)
      : refused("the proxy refused user name and password");
  }

  #next(stage: "login" | "reply", send: Bytes): AnswerStep {
    this.#stage = stage;
    this.#answer = [];
    return { type: "more", send };
  }
}

/** Reads version, code, a reserved byte, address type, address and port (RFC 1928 §6). A failure is complete with its code. */
function readReply([, code, , type, first, ...more]: readonly number[]): AnswerStep {
  if (code === undefined) return MORE;
  // rule: proxy-reply-code
  if (code !== 0) return refused(`${FAILURES[code - 1] ?? "unknown failure"} (SOCKS reply ${code})`);
  if (type === undefined) return MORE;
  const length = socks5AddressLength(type, first);
  if (length === "unknown type") return refused(`the answer has unknown address type ${type}`);
  return length === undefined || 1 + more.length < length + 2 ? MORE : { type: "connected" };
}

/** Returns the request to connect: version, command, a reserved byte, address type, address and port (RFC 1928 §4). */
function requestFor({ host, port }: ProxyTarget): Bytes {
  const literal = parseAddress(host);
  const address =
    literal === undefined
      ? Uint8Array.of(SOCKS5_ADDRESS_TYPE.DOMAIN_NAME, host.length, ...utf8Encode(host))
      : Uint8Array.of(literal.length === 4 ? SOCKS5_ADDRESS_TYPE.IPV4 : SOCKS5_ADDRESS_TYPE.IPV6, ...literal);
  return concatBytes(Uint8Array.of(VERSION, CONNECT, 0), address, Uint8Array.of(port >> 8, port & 0xff));
}

/** Returns version, user name and password, each with its length (RFC 1929 §2). */
function loginMessage({ user, password }: ProxyLogin): Bytes {
  const name = utf8Encode(user);
  const secret = utf8Encode(password);
  return Uint8Array.of(LOGIN_VERSION, name.length, ...name, secret.length, ...secret);
}
