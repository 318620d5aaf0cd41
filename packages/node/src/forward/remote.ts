import { CHANNEL_OPEN_FAILURE_REASON } from "@nacre/wire";
import { checkTarget, type ForwardTarget, type ListenAddress, type PeerOpen } from "nacre/extend";
import { bridge } from "nacre/internal-forward";
import type { Connections } from "./connections.ts";
import { dialTarget } from "./dial-target.ts";
import { type Forward, type ForwardOptions, type ForwardSetup, openForward, type ProxyOptions } from "./forward.ts";
import type { Forwarder } from "./forwarder.ts";
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
          await proxyOverChannel(channel, { timeout: options.handshakeTimeout, signal, report });
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
