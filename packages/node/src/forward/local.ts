import type { Socket } from "node:net";
import { bridge, checkTarget, dialChannel, type ForwardTarget, type ListenAddress, type Originator } from "nacre/parts";
import { socketDuplex } from "../socket-duplex.ts";
import { type Forward, type LocalForwardOptions, openForward } from "./forward.ts";
import type { Forwarder } from "./forwarder.ts";
import { listenSocket } from "./listen-socket.ts";
import { reportBroken } from "./report-broken.ts";
import { resetSocket } from "./reset-socket.ts";

/** Implements `Client.forwardLocal`. */
export function forwardLocal(
  forwarder: Forwarder,
  address: ListenAddress,
  target: ForwardTarget,
  options: LocalForwardOptions = {},
): Promise<Forward> {
  return openForward(
    forwarder,
    {
      method: "forwardLocal",
      address,
      async listen(connections) {
        checkTarget(target);
        const onSocket = (socket: Socket): void => {
          // The open leaves in the turn in which the connection came.
          const accepted = connections.run(async (signal) => {
            const opening = dialChannel(forwarder.mux, target, { signal, originator: originatorOf(socket) });
            const channel = await opening.catch((cause: unknown) => {
              resetSocket(socket);
              throw cause;
            });
            await bridge(channel, socketDuplex(socket), signal);
            await reportBroken(channel);
          });
          if (!accepted) resetSocket(socket);
        };
        const onError = connections.report.bind(connections);
        return listenSocket(address, { onSocket, onError }, options.streamLocalBindUnlink);
      },
    },
    options,
  );
}

/** Where a connection came from; `undefined` for a Unix socket. */
export function originatorOf({ remoteAddress, remotePort }: Socket): Originator | undefined {
  return remoteAddress === undefined || remotePort === undefined
    ? undefined
    : { address: remoteAddress, port: remotePort };
}
