import type { Socket } from "node:net";
import type { ListenAddress } from "nacre/parts";
import { type Forward, type LocalForwardOptions, openForward, type ProxyOptions } from "./forward.ts";
import type { Forwarder } from "./forwarder.ts";
import { listenSocket } from "./listen-socket.ts";
import { proxyOverSocket } from "./proxy-socket.ts";
import { resetSocket } from "./reset-socket.ts";

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
      address,
      async listen(connections) {
        const onSocket = (socket: Socket): void => {
          const accepted = connections.run((signal) =>
            proxyOverSocket(forwarder, socket, signal, options.handshakeTimeout),
          );
          if (!accepted) resetSocket(socket);
        };
        const onError = connections.report.bind(connections);
        return listenSocket(address, { onSocket, onError }, options.streamLocalBindUnlink);
      },
    },
    options,
  );
}
