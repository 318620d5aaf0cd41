import type { Socket } from "node:net";
import { CHANNEL_OPEN_FAILURE_REASON } from "@nacre/wire";
import { checkTarget, type ForwardTarget, type ListenAddress, type Opener, type PeerOpen } from "nacre/extend";
import { bridge, bridgeDialled, type DialHandler, openDialled } from "nacre/internal-on-demand";
import { acceptedDuplex, resetSocket } from "../net/socket-duplex.ts";
import { listenSocket } from "./bind.ts";
import { type Connections, reportBroken } from "./connections.ts";
import {
  type Forward,
  type Forwarder,
  type ForwardOptions,
  type ForwardSetup,
  type LocalForwardOptions,
  openForward,
  type ProxyOptions,
} from "./forward.ts";
import { dialTarget } from "./forward-dial.ts";
import { originatorOf } from "./forward-listen.ts";
import { proxyOverChannel, proxyOverSocket } from "./proxy.ts";

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
          const dial = (handler: DialHandler): ReturnType<Opener["open"]> => {
            const forget = openDialled(mux, target, originatorOf(socket), handler);
            // Send the channel open immediately when the connection arrives.
            mux.engine.turn();
            return forget;
          };
          if (!connections.run((signal) => bridgeDialled(dial, acceptedDuplex(socket), signal))) resetSocket(socket);
        };
        return listenSocket(address, connections, options.streamLocalBindUnlink, onSocket);
      },
    },
    options,
  );
}

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

const { CONNECT_FAILED, RESOURCE_SHORTAGE } = CHANNEL_OPEN_FAILURE_REASON;

/** Implements `Client.forwardRemote`. */
export function forwardRemote(
  forwarder: Forwarder,
  address: ListenAddress,
  target: ForwardTarget,
  options: ForwardOptions = {},
): Promise<Forward> {
  const listen = (connections: Connections): ReturnType<ForwardSetup["listen"]> => {
    checkTarget(target);
    return listenAtServer(forwarder, address, connections, async (open, signal) => {
      const duplex = await dialTarget(target, signal).catch((cause: unknown) => {
        open.reject(CONNECT_FAILED, "the client cannot connect to the target");
        throw cause;
      });
      const channel = open.accept();
      // `undefined` means that the SSH connection has ended.
      if (channel === undefined) return duplex.close();
      await bridge(channel, duplex, signal);
      await reportBroken(channel);
    });
  };
  return openForward(
    forwarder,
    { method: "forwardRemote", atServer: true, address, listen: async (connections) => listen(connections) },
    options,
  );
}

/** Implements `Client.forwardRemoteDynamic`. */
export function forwardRemoteDynamic(
  forwarder: Forwarder,
  address: ListenAddress,
  options: ForwardOptions & ProxyOptions = {},
): Promise<Forward> {
  return openForward(
    forwarder,
    {
      method: "forwardRemoteDynamic",
      atServer: true,
      address,
      async listen(connections) {
        const report = connections.report.bind(connections);
        return listenAtServer(forwarder, address, connections, async (open, signal) => {
          const channel = open.accept();
          if (channel === undefined) return;
          await proxyOverChannel(channel, {
            timeout: options.handshakeTimeout,
            permit: options.permit,
            signal,
            report,
          });
        });
      },
    },
    options,
  );
}

function listenAtServer(
  { listeners }: Forwarder,
  address: ListenAddress,
  connections: Connections,
  run: (open: PeerOpen, signal: AbortSignal) => Promise<void>,
): ReturnType<ForwardSetup["listen"]> {
  return listeners.listenWith(address, (open) => {
    const accepted = connections.run((signal) => run(open, signal));
    if (!accepted) open.reject(RESOURCE_SHORTAGE, "too many connections");
  });
}
