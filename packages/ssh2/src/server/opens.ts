import { directStreamlocal, tcpipChannel } from "@nacre/wire";
import type { Channel as MuxChannel, PeerOpen } from "nacre/extend";
import { callProgram } from "../call-program.ts";
import { Channel } from "../channel/channel.ts";
import { closedChannel } from "../channel/closed-channel.ts";
import { DEBUG } from "../connection.ts";
import { CHANNEL_OPEN_FAILURE } from "../constants.ts";
import { DRIVER, type ServedClient } from "./served-client.ts";
import { Session } from "./session.ts";

const { ADMINISTRATIVELY_PROHIBITED, CONNECT_FAILED } = CHANNEL_OPEN_FAILURE;

/** Passes the open of a session to the listeners of "session". */
export function onSessionOpen(client: ServedClient, open: PeerOpen): void {
  if (client.noMoreSessions) open.reject(ADMINISTRATIVELY_PROHIBITED, "");
  else ask(client, open, "session", undefined, (channel) => new Session(client, channel));
}

/** Handlers of the channel types that a client may open beside sessions. Malformed data ends the connection. */
export function channelOpenHandlers(client: ServedClient): Record<string, (open: PeerOpen) => void> {
  const accepted = (channel: MuxChannel): Channel => new Channel(client, channel, { type: undefined, server: true });
  return {
    "direct-tcpip"(open) {
      const place = client[DRIVER]!.decoded(() => tcpipChannel.decode(open.data));
      if (place === undefined) return;
      const { address, port, originatorAddress, originatorPort } = place;
      const data = { destIP: address, destPort: port, srcIP: originatorAddress, srcPort: originatorPort };
      ask(client, open, "tcpip", data, accepted);
    },
    "direct-streamlocal@openssh.com"(open) {
      const place = client[DRIVER]!.decoded(() => directStreamlocal.decode(open.data));
      if (place !== undefined) ask(client, open, "openssh.streamlocal", { socketPath: place.path }, accepted);
    },
  };
}

/**
 * Emits an event with `accept` and `reject` for an open, and with its data. Without a listener the open is refused. The first `accept`
 * always returns a channel: a closed one if the client has gone.
 */
function ask(
  client: ServedClient,
  open: PeerOpen,
  event: string,
  data: unknown,
  accepted: (channel: MuxChannel) => Channel | Session,
): void {
  const accept = (): Channel | Session | undefined => {
    if (open.answered) return undefined;
    return accepted(open.accept() ?? closedChannel(client));
  };
  const reject = (): void => {
    if (!open.answered) open.reject(CONNECT_FAILED, "");
  };
  callProgram(client, () => {
    if (client.emit(event, accept, reject, ...(data === undefined ? [] : [data]))) return;
    client[DEBUG]?.(`Automatic rejection of unexpected incoming channel open for: ${open.channelType}`);
    open.reject(ADMINISTRATIVELY_PROHIBITED, "");
  });
}
