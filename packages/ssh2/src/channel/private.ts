import { type Connection, MUX } from "../connection.ts";
import { assertRole, CHANNEL, Channel } from "./channel.ts";
import { channelsOf } from "./channel-manager.ts";
import { sendExitSignal, sendExitStatus, sendSignal, sendWindowChange } from "./signals.ts";

export { ChannelManager, channelsOf } from "./channel-manager.ts";

/** The messages that programs send by `_protocol` of ssh2. Channels are named by the peer's number, `channel.outgoing.id`. */
export interface Protocol {
  signal(id: number, name: string): void;
  windowChange(id: number, rows: number, cols: number, height: number, width: number): void;
  exitStatus(id: number, status: number): void;
  exitSignal(id: number, name: string, coreDumped?: boolean, message?: string): void;
  channelClose(id: number): void;
  channelEOF(id: number): void;
  channelData(id: number, data: Uint8Array): void;
  /** Sends a request that every peer answers, with success or failure. */
  ping(): void;
  /** Disconnects, always with the reason BY_APPLICATION (RFC 4253 §11.1). */
  disconnect(reason?: number): void;
}

/**
 * Returns the value of `_protocol`. It sends on open channels only; other numbers are ignored. `role` is this side's. `disconnect` ends the
 * connection.
 */
export function protocolOf(
  connection: Connection,
  role: "client" | "server",
  disconnect: (reason: number | undefined) => void,
): Protocol {
  const own = { server: role === "server" };
  return {
    signal(id, name) {
      assertRole(own, "client");
      withChannel(connection, id, (channel) => sendSignal(channel[CHANNEL], name));
    },
    windowChange(id, rows, cols, height, width) {
      assertRole(own, "client");
      withChannel(connection, id, (channel) => sendWindowChange(channel[CHANNEL], rows, cols, height, width));
    },
    exitStatus(id, status) {
      assertRole(own, "server");
      withChannel(connection, id, (channel) => sendExitStatus(channel[CHANNEL], status));
    },
    exitSignal(id, name, coreDumped, message) {
      assertRole(own, "server");
      withChannel(connection, id, (channel) => sendExitSignal(channel[CHANNEL], name, coreDumped, message));
    },
    channelClose: (id) => withChannel(connection, id, (channel) => channel.close()),
    channelEOF: (id) => withChannel(connection, id, (channel) => channel.eof()),
    channelData: (id, data) => withChannel(connection, id, (channel) => channel.write(data)),
    ping: () => connection[MUX]?.globalRequest("keepalive@openssh.com", new Uint8Array(0), () => {}),
    disconnect,
  };
}

/** Calls `use` with the open channel that has this number at the peer. */
function withChannel(connection: Connection, id: number, use: (channel: Channel) => void): void {
  for (const channel of Object.values(channelsOf(connection)._channels))
    if (channel instanceof Channel && channel.outgoing.id === id && channel.outgoing.state !== "closed") {
      use(channel);
      return;
    }
}
