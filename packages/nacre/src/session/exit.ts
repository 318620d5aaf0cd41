import { SshError } from "@nacre/wire";
import type { Exit } from "../client/options.ts";
import type { Channel, ChannelRequest } from "../mux/channel.ts";

/** Learns from the requests of a session channel how its command ended (RFC 4254 §6.10), and refuses all others. */
export class ExitReport {
  readonly #channel: Channel;
  #exit: Exit = { status: undefined, signal: undefined, coreDumped: false };

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** How the command ended; all `undefined` while the server has not said. */
  get exit(): Exit {
    return this.#exit;
  }

  /** Whether the server said how the command ended. */
  get isTold(): boolean {
    return this.#exit.status !== undefined || this.#exit.signal !== undefined;
  }

  onRequest(request: ChannelRequest): void {
    switch (request.type) {
      case "exit-status":
        this.#exit = { status: request.status, signal: undefined, coreDumped: false };
        return;
      case "exit-signal":
        this.#exit = { status: undefined, signal: request.signalName, coreDumped: request.coreDumped };
        return;
      default:
        this.#channel.reply(request, false);
    }
  }
}

/**
 * The error for a reader that saw no EOF before the channel closed. `undefined` if the server said how the command ended, as not all
 * servers send an EOF; otherwise the output may be incomplete.
 */
export function cutShort(exit: Exit, error: SshError | undefined): SshError | undefined {
  if (error !== undefined || exit.status !== undefined || exit.signal !== undefined) return error;
  return new SshError(
    "channel-closed",
    "the server closed the channel without an EOF and without the command's exit status: the output may be incomplete",
  );
}
