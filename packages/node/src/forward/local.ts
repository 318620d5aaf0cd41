import type { Socket } from "node:net";
import { bridge, checkTarget, dialChannel, type ForwardTarget, type ListenAddress } from "nacre/internal";
import { originatorOf } from "../forward-listen.ts";
import { resetSocket } from "../reset-socket.ts";
import { acceptedDuplex } from "../socket-duplex.ts";
import { type Forward, type LocalForwardOptions, openForward } from "./forward.ts";
import type { Forwarder } from "./forwarder.ts";
import { listenSocket } from "./listen-socket.ts";
import { reportBroken } from "./report-broken.ts";

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
          // Send the channel open immediately when the connection arrives.
          const accepted = connections.run(async (signal) => {
            const opening = dialChannel(forwarder.mux, target, { signal, originator: originatorOf(socket) });
            const channel = await opening.catch((cause: unknown) => {
              resetSocket(socket);
              throw cause;
            });
            await bridge(channel, acceptedDuplex(socket), signal);
            await reportBroken(channel);
          });
          if (!accepted) resetSocket(socket);
        };
        return listenSocket(address, connections, options.streamLocalBindUnlink, onSocket);
      },
    },
    options,
  );
}
