import { decodeIfReadable, exitSignal, exitStatus, SshError, xonXoff } from "@nacre/wire";
import type { Channel, ChannelRequest } from "../../mux/channel.ts";
import type { Exit } from "./options.ts";

/**
 * Records how a command ended, from the requests on its channel (RFC 4254 §6.10). These requests only inform, so a malformed one is
 * ignored, such as the exit-signal of PuTTY's server, which names signals by number. Refuses all requests but those of §6.8 and §6.10.
 */
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

  /** Takes a request of the server, if it reports the exit. */
  onRequest(request: ChannelRequest): void {
    this.#channel.reply(request, this.#read(request));
  }

  /** Returns whether the request was understood. Only the first report counts. */
  #read({ requestType, data }: ChannelRequest): boolean {
    switch (requestType) {
      case "exit-status": {
        const report = decodeIfReadable(exitStatus, data);
        if (report === undefined) return false;
        if (!this.hasExit) this.#exit = { status: report.exitStatus, signal: undefined, coreDumped: false };
        return true;
      }
      case "exit-signal": {
        const report = decodeIfReadable(exitSignal, data);
        if (report === undefined) return false;
        const { signalName, coreDumped } = report;
        if (!this.hasExit) this.#exit = { status: undefined, signal: signalName, coreDumped };
        return true;
      }
      case "xon-xoff":
        return decodeIfReadable(xonXoff, data) !== undefined;
      default:
        return false;
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
