import { SshError } from "@nacre/wire";
import type { Duplex } from "nacre/extend";
import { dial, type TcpOptions } from "../net/dial.ts";
import { socketDuplex } from "../net/socket-duplex.ts";

/** How to reach the first host: TCP, a proxy or a command. */
export interface WayOptions extends TcpOptions {
  /**
   * Proxy through which to connect to the host, or to the first jump host: `"socks5://host:port"`, or `"http://host:port"` for HTTP
   * CONNECT. It looks up the host's name. The URL may have a login, `"socks5://user:password@host:port"`, with special characters
   * percent-encoded; it is sent to the proxy unencrypted. `localAddress` and `addressFamily` then apply to the connection to the proxy.
   */
  readonly proxy?: string | undefined;
  /**
   * Command whose standard input and output take the place of TCP (ssh_config(5), ProxyCommand). It is given to the shell of `SHELL`, or
   * `/bin/sh`, as it is: its tokens must be expanded, and quoted for the shell. It writes its errors to this program's stderr, and gets
   * SIGHUP when the connection is closed. With `via`, set it for the first jump host.
   */
  readonly proxyCommand?: string | undefined;
}

/** A byte connection to a host. */
export interface Way {
  readonly duplex: Duplex;
  /** Address of the host, if TCP leads to it without a proxy or command. */
  readonly address?: string | undefined;
  /** Returns the error of a login over it, with how the command ended. */
  readonly explain?: (error: unknown) => unknown;
}

/** Opens the byte connection to the first host. Rejects as `dial` does; everything is then closed. */
export async function openWay(options: WayOptions): Promise<Way> {
  const { proxy, proxyCommand } = options;
  if (proxyCommand !== undefined) {
    // Most programs run no command and use no proxy.
    const { commandDuplex } = await import("../net/command-duplex.ts");
    const duplex = await commandDuplex(proxyCommand);
    return { duplex, explain: (error) => withEnding(error, duplex.ending) };
  }
  if (proxy === undefined) {
    const socket = await dial(options);
    return { duplex: socketDuplex(socket), address: socket.remoteAddress };
  }
  const { proxyDuplex } = await import("../net/proxy/proxy-duplex.ts");
  return { duplex: await proxyDuplex(proxy, options) };
}

function withEnding(error: unknown, ending: string | undefined): unknown {
  if (ending === undefined || !(error instanceof SshError)) return error;
  return new SshError(error.code, `ProxyCommand ${ending} before the login: ${error.message}`, { cause: error });
}

/** Throws `usage` if the options of one host have several ways to it. */
export function checkOneWay(options: object): void {
  const ways = waysIn(options);
  if (ways.length > 1) throw new SshError("usage", `${ways.join(" and ")} exclude each other`);
}

/** Throws `usage` if the options of a host that is reached through a jump host name a duplex, a proxy or a ProxyCommand. */
export function checkBehindHop(options: object): void {
  const [way] = waysIn(options);
  if (way !== undefined)
    throw new SshError("usage", `${way} cannot follow a jump host; set it for the first jump host`);
}

function waysIn(options: object): string[] {
  const values = options as Readonly<Record<string, unknown>>;
  return ["duplex", "proxy", "proxyCommand"].filter((name) => values[name] !== undefined).map((name) => `\`${name}\``);
}

/** Throws `usage` if `proxyCommand` is set and not a command. */
export function checkProxyCommand(proxyCommand: unknown): void {
  if (proxyCommand === undefined) return;
  if (typeof proxyCommand !== "string" || proxyCommand.trim() === "" || proxyCommand.includes("\0"))
    throw new SshError("usage", "`proxyCommand` must be a command for the shell, without NUL characters");
}
