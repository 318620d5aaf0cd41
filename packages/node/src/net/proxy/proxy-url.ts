import { SshError, utf8Encode } from "@nacre/wire";
import { checkPort, isHostAlone } from "../dial.ts";

/** A proxy, from its URL. */
export interface Proxy {
  readonly protocol: "socks5" | "http";
  readonly host: string;
  readonly port: number;
  /** User name and password; `undefined` if the URL has no user name. */
  readonly login: ProxyLogin | undefined;
}

export interface ProxyLogin {
  readonly user: string;
  readonly password: string;
}

const DEFAULT_PORT = { socks5: 1080, http: 80 } as const;

/** Maximum length of a user name and of a password in bytes (RFC 1929 §2). */
const MAX_LOGIN_LENGTH = 255;

/** Reads the URL of a proxy. Throws `usage`; the message does not repeat the URL, which may hold a password. */
export function readProxy(proxy: string): Proxy {
  const [, protocol] = /^(socks5|http):\/\//i.exec(proxy) ?? [];
  const url = protocol === undefined ? undefined : parsed(proxy);
  if (url === undefined || url.search !== "" || url.hash !== "" || !["", "/"].includes(url.pathname))
    // rule: proxy-url-unquoted
    throw invalid();
  const name = url.protocol.slice(0, -1) as Proxy["protocol"];
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (host === "" || !isHostAlone(host)) throw invalid();
  const port = url.port === "" ? DEFAULT_PORT[name] : Number(url.port);
  checkPort(port, 1);
  const login = url.username === "" ? undefined : { user: decoded(url.username), password: decoded(url.password) };
  if (login !== undefined) checkLogin(login, name);
  return { protocol: name, host, port, login };
}

/** Throws `usage` if `proxy` is set and not the URL of a proxy. */
export function checkProxy(proxy: unknown): void {
  if (proxy === undefined) return;
  if (typeof proxy !== "string") throw invalid();
  readProxy(proxy);
}

function invalid(): SshError {
  return new SshError(
    "usage",
    '`proxy` must be "socks5://host:port" or "http://host:port", or with a login "socks5://user:password@host:port"; percent-encode special characters in it',
  );
}

function parsed(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    // This error has the text.
    return undefined;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid();
  }
}

function checkLogin({ user, password }: ProxyLogin, protocol: Proxy["protocol"]): void {
  if (protocol === "http" && user.includes(":"))
    throw new SshError("usage", "the user name in `proxy` must not have a colon, which HTTP cannot send (RFC 7617)");
  if (protocol === "socks5" && [user, password].some((one) => utf8Encode(one).length > MAX_LOGIN_LENGTH))
    throw new SshError("usage", `user name and password in \`proxy\` have at most ${MAX_LOGIN_LENGTH} bytes`);
}
