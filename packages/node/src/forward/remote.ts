import { CHANNEL_OPEN_FAILURE_REASON } from "@nacre/wire";
import { bridge, checkTarget, type ForwardTarget, type ListenAddress, type PeerOpen } from "nacre/parts";
import { socketDuplex } from "../socket-duplex.ts";
import type { Connections } from "./connections.ts";
import { type Forward, type ForwardOptions, type ForwardSetup, openForward, type ProxyOptions } from "./forward.ts";
import type { Forwarder } from "./forwarder.ts";
import { openSocket } from "./open-socket.ts";
import { proxyOverChannel } from "./proxy-channel.ts";
import { reportBroken } from "./report-broken.ts";

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
      const socket = await openSocket(target, signal).catch((cause: unknown) => {
        open.reject(CONNECT_FAILED, "the client cannot connect to the target");
        throw cause;
      });
      const channel = open.accept();
      if (channel === undefined) {
        // The SSH connection has ended.
        socket.destroy();
        return;
      }
      await bridge(channel, socketDuplex(socket), signal);
      await reportBroken(channel);
    });
  };
  return openForward(
    forwarder,
    { method: "forwardRemote", address, listen: async (connections) => listen(connections) },
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
      address,
      listen: async (connections) =>
        listenAtServer(forwarder, address, connections, async (open, signal) => {
          const channel = open.accept();
          if (channel !== undefined) await proxyOverChannel(channel, signal, options.handshakeTimeout);
        }),
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
