import { SshError } from "@nacre/wire";
import type { Exit } from "../../login/client/options.ts";
import type { Channel, ChannelRequest } from "../../mux/channel.ts";

/** Records how a command ended, from the requests on its channel (RFC 4254 §6.10). Refuses all other requests. */
export class ExitReport {
  readonly #channel: Channel;
  #exit: Exit = { status: undefined, signal: undefined, coreDumped: false };

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** How the command ended; `status` and `signal` are `undefined` before the server's report. */
  get exit(): Exit {
    return this.#exit;
  }

  /** Whether the server has reported how the command ended. */
  get hasExit(): boolean {
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
 * Returns the error for a reader that saw no EOF before the channel closed. Returns `undefined` if the server reported the exit, because
 * not all servers send an EOF. Otherwise the output may be incomplete.
 */
export function cutShort(exit: Exit, error: SshError | undefined): SshError | undefined {
  if (error !== undefined || exit.status !== undefined || exit.signal !== undefined) return error;
  // rule: output-cut-short
  return new SshError(
    "channel-closed",
    "the server closed the channel without EOF or an exit status; the output may be incomplete",
  );
}
