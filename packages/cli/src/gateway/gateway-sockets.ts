import type { Server, Socket } from "node:net";
import { addressMatcher, networkOf, plainAddress } from "@nacre/keyfiles/internal";

/** Limits of {@link limitSockets}. */
export interface SocketLimits {
  /** Most TCP connections of one client: an IPv4 address or an IPv6 /64 network. */
  readonly maxPerClient: number;
  /** Addresses and networks of proxies, which carry the connections of many clients and are not limited. */
  readonly trustedProxies: readonly string[];
}

/**
 * Limits the TCP connections of each client of a server, and closes further ones. The gateway's own limits begin with a request, so without
 * this one a client that sends nothing could use up all connections of the server. Throws `usage` for an invalid proxy address.
 */
export function limitSockets(server: Server, { maxPerClient, trustedProxies }: SocketLimits): void {
  const isProxy = addressMatcher("trustedProxies", trustedProxies);
  const counts = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    const address = plainAddress(socket.remoteAddress ?? "");
    if (isProxy(address)) return;
    const client = networkOf(address, { ipv4: 32, ipv6: 64 }) ?? address;
    const count = counts.get(client) ?? 0;
    // rule: client-sockets
    if (count >= maxPerClient) return void socket.destroy();
    counts.set(client, count + 1);
    socket.on("close", () => {
      const left = counts.get(client)! - 1;
      if (left > 0) counts.set(client, left);
      else counts.delete(client);
    });
  });
}
