import type { Socket } from "node:net";
import type { ListenAddress } from "nacre/extend";
import { resetSocket } from "../net/reset-socket.ts";
import { type Forward, type LocalForwardOptions, openForward, type ProxyOptions } from "./forward.ts";
import type { Forwarder } from "./forwarder.ts";
import { listenSocket } from "./listen-socket.ts";
import { proxyOverSocket } from "./proxy-socket.ts";

/** Implements `Client.forwardDynamic`. */
export function forwardDynamic(
  forwarder: Forwarder,
  address: ListenAddress,
  options: LocalForwardOptions & ProxyOptions = {},
): Promise<Forward> {
  return openForward(
    forwarder,
    {
      method: "forwardDynamic",
      atServer: false,
      address,
      async listen(connections) {
        const report = connections.report.bind(connections);
        const onSocket = (socket: Socket): void => {
          const accepted = connections.run((signal) =>
            proxyOverSocket(forwarder, socket, { timeout: options.handshakeTimeout, signal, report }),
          );
          if (!accepted) resetSocket(socket);
        };
        return listenSocket(address, connections, options.streamLocalBindUnlink, onSocket);
      },
    },
    options,
  );
}
