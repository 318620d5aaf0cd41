import type { Socket } from "node:net";
import { plainAddress } from "@nacre/keyfiles/internal";
import type { ForwardingListener, ListenContext, Originator } from "nacre/extend";
import type { Lookup } from "../net/lookup.ts";
import { acceptedDuplex } from "../net/socket-duplex.ts";
import { bindAll, bindEach, bindPath, LOOPBACK, type SocketHandler } from "./bind.ts";

/** Which addresses clients may bind (sshd_config(5), GatewayPorts). */
export type GatewayPorts = "no" | "yes" | "clientspecified";

type Accept = ListenContext["accept"];

/** Listens on behalf of a client on the addresses that `gatewayPorts` permits for `host`. Rejects with the system's error. */
export async function listenAddresses(
  { host, port }: { readonly host: string; readonly port: number },
  gatewayPorts: GatewayPorts,
  lookup: Lookup,
  accept: Accept,
): Promise<ForwardingListener> {
  const hosts = await hostsToBind(host, gatewayPorts, lookup);
  return hosts === "all" ? bindAll(port, handlerOf(accept)) : bindEach(hosts, port, handlerOf(accept));
}

async function hostsToBind(
  host: string,
  gatewayPorts: GatewayPorts,
  lookup: Lookup,
): Promise<readonly string[] | "all"> {
  if (gatewayPorts === "yes") return "all";
  // rule: gateway-ports
  if (gatewayPorts === "no") return LOOPBACK.includes(host) ? [host] : LOOPBACK;
  if (host === "" || host === "*") return "all";
  return host === "localhost" ? LOOPBACK : lookup(host);
}

/** Listens on behalf of a client on a Unix socket, like `bindPath`. */
export function listenAtPath(path: string, accept: Accept): Promise<ForwardingListener> {
  return bindPath(path, handlerOf(accept));
}

function handlerOf(accept: Accept): SocketHandler {
  return { onSocket: (socket) => accept(acceptedDuplex(socket), originatorOf(socket)) };
}

/** Returns the remote address and port of a connection, or `undefined` for a Unix socket. */
export function originatorOf({ remoteAddress, remotePort = 0 }: Socket): Originator | undefined {
  return remoteAddress === undefined ? undefined : { address: plainAddress(remoteAddress), port: remotePort };
}
