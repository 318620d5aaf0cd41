import type { Socket } from "node:net";
import { checkTarget, type ForwardTarget, type ListenAddress } from "nacre/extend";
import { bridgeDialled, type DialHandler, openDialled } from "nacre/internal-forward";
import { resetSocket } from "../net/reset-socket.ts";
import { acceptedDuplex } from "../net/socket-duplex.ts";
import { type Forward, type LocalForwardOptions, openForward } from "./forward.ts";
import { originatorOf } from "./forward-listen.ts";
import type { Forwarder } from "./forwarder.ts";
import { listenSocket } from "./listen-socket.ts";

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
      atServer: false,
      address,
      async listen(connections) {
        checkTarget(target);
        const onSocket = (socket: Socket): void => {
          const { mux } = forwarder;
          const dial = (handler: DialHandler): void => {
            openDialled(mux, target, originatorOf(socket), handler);
            // Send the channel open immediately when the connection arrives.
            mux.engine.turn();
          };
          if (!connections.run((signal) => bridgeDialled(dial, acceptedDuplex(socket), signal))) resetSocket(socket);
        };
        return listenSocket(address, connections, options.streamLocalBindUnlink, onSocket);
      },
    },
    options,
  );
}
