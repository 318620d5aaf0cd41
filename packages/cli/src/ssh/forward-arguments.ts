import type { ConfigValues, Endpoint, Forward } from "@nacre/config";
import type { ForwardTarget, ListenAddress } from "nacre";
import { sshUsage } from "../options.ts";

/** A forward to set up. */
export interface ForwardArgument {
  /** `-L` and `-D` listen on this machine, `-R` on the server. */
  readonly option: "-L" | "-R" | "-D";
  /** Address to listen on. Host `"*"` means every address, `undefined` means loopback. */
  readonly listen: ListenAddress;
  /** Destination that the other side connects to; `undefined` if each connection names its own by SOCKS. */
  readonly target: ForwardTarget | undefined;
}

/** Returns the forwards of a configuration. With GatewayPorts, those on this machine that name no address listen on every one. */
export function forwardsOf(
  values: Pick<ConfigValues, "localForward" | "remoteForward" | "gatewayPorts">,
): readonly ForwardArgument[] {
  const { localForward, remoteForward, gatewayPorts } = values;
  return [
    ...localForward.map((forward) => read(forward.target === "socks" ? "-D" : "-L", forward, gatewayPorts)),
    ...remoteForward.map((forward) => read("-R", forward, false)),
  ];
}

function read(
  option: ForwardArgument["option"],
  { listen, target }: Forward,
  onEveryAddress: boolean,
): ForwardArgument {
  return { option, listen: listenAddress(listen, onEveryAddress), target: target === "socks" ? undefined : to(target) };
}

function listenAddress(listen: Endpoint, onEveryAddress: boolean): ListenAddress {
  if (listen.kind === "socket") return { path: listen.path };
  const { port, host = onEveryAddress ? "*" : undefined } = listen;
  return host === undefined ? { port } : { host: host || "*", port };
}

function to(target: Endpoint): ForwardTarget {
  return target.kind === "socket" ? { path: target.path } : { host: target.host ?? "", port: target.port };
}

/** Parses the value of `-W`: `host:port` or the path of a socket. Throws `usage` if it is invalid. */
export function parseStdioTarget(text: string): ForwardTarget {
  if (/^\/[^:]*$|^[^:[\]]*\/[^:[\]]*$/.test(text)) return { path: text };
  const [, bracketed, plain, digits = ""] = /^(?:\[([^[\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? "";
  const port = Number(digits);
  if (host === "" || digits === "" || port < 1 || port > 65535)
    throw sshUsage(
      `Bad stdio forwarding specification '${text}'`,
      `-W ${text}: expected host:port, with an IPv6 address in brackets, or /socket`,
    );
  return { host, port };
}
