import type { PeerOpen } from "nacre/extend";
import { callProgram } from "../call-program.ts";
import { Channel } from "../channel/channel.ts";
import { channelsOf } from "../channel/channel-manager.ts";
import { closedChannel } from "../channel/closed-channel.ts";
import { afterClose, type ConnectionMux, DEBUG, MUX } from "../connection.ts";
import type { ClientConnection } from "./client-connection.ts";

/** Reasons to refuse a channel (RFC 4254 §5.1). */
const ADMINISTRATIVELY_PROHIBITED = 1;
const CONNECT_FAILED = 2;

/** The server's open of a channel, with the functions that listeners get. */
export interface ServerOpen {
  /** Opens the channel. Later calls return the same one. */
  readonly accept: () => Channel;
  /** Refuses the channel. No effect on an answered open. */
  readonly reject: () => void;
}

/** Channel types that have a handler, by connection. */
const accepted = new WeakMap<ConnectionMux, Set<string>>();

/**
 * Lets the server open channels of a type from now on. `take` decodes the data of each open and returns a function that emits the event, or
 * `undefined` to refuse an unrequested channel. That function returns whether there was a listener.
 */
export function acceptChannels(
  client: ClientConnection,
  mux: ConnectionMux,
  type: string,
  take: (data: Uint8Array) => ((open: ServerOpen) => boolean) | undefined,
): void {
  let types = accepted.get(mux);
  if (types === undefined) {
    types = new Set();
    accepted.set(mux, types);
    afterClose(client, () => channelsOf(client).forgetOpens());
  }
  if (types.has(type)) return;
  types.add(type);
  mux.accept(type, (open) => {
    // The events and tables of the client are those of its latest connection.
    const tell = client[MUX] === mux ? take(open.data) : undefined;
    if (tell === undefined) {
      client[DEBUG]?.(`Client: Automatic rejection of unexpected incoming channel open for: ${type}`);
      open.reject(ADMINISTRATIVELY_PROHIBITED, "");
      return;
    }
    const answers = answersOf(client, type, open);
    // Without a listener, ssh2 leaves the open unanswered.
    if (callProgram(client, () => tell(answers)) !== true) answers.reject();
  });
}

function answersOf(client: ClientConnection, type: string, open: PeerOpen): ServerOpen {
  let channel: Channel | undefined;
  const answered = channelsOf(client).opening();
  return {
    accept: () => {
      answered();
      channel ??= new Channel(client, (open.answered ? undefined : open.accept()) ?? closedChannel(client), {
        type,
        server: false,
      });
      return channel;
    },
    reject: () => {
      answered();
      if (!open.answered) open.reject(CONNECT_FAILED, "");
    },
  };
}
