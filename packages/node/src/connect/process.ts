import { BaseProcess, type Channel, type Exit } from "nacre/extend";
import { ProcessErrors } from "../streams/error-policy.ts";
import { type NodeStreams, nodeStreamsWith } from "../streams/node-streams.ts";

/**
 * A running remote command with Node streams. If the connection breaks, the program learns it once: from `exit` if it has taken that
 * promise, else from an error event of a stream that it read, piped or wrote. Without a listener, that event is an uncaught exception, as
 * for all streams of Node. Listeners always receive the errors of their streams.
 */
export class NodeProcess extends BaseProcess<NodeStreams> {
  readonly #errors: ProcessErrors;

  /** `hasTerminal` tells whether the command runs on a pseudo-terminal; default false. */
  constructor(channel: Channel, hasTerminal: boolean = false) {
    const errors = new ProcessErrors();
    super(channel, nodeStreamsWith(errors), hasTerminal);
    this.#errors = errors;
  }

  /** Resolves with how the command ended; see `BaseProcess`. Once it is taken, errors of the streams need no listener. */
  override get exit(): Promise<Exit> {
    this.#errors.isExitTaken = true;
    return super.exit;
  }

  /** Closes the channel, which usually hangs up the command. The streams fail with `closed`, and need no listener for it. */
  override close(): Promise<void> {
    this.#errors.gaveUp();
    return super.close();
  }
}
