import { CHANNEL_OPEN_FAILURE_REASON, codeName, escapeText, SshError } from "@nacre/wire";
import { afterEnd } from "./after-end.ts";
import type { Channel } from "./channel.ts";
import type { OpenHandler } from "./mux.ts";

/** Opens channels with callbacks. Implemented by the mux. */
export interface Opener {
  /**
   * Sends SSH_MSG_CHANNEL_OPEN with type-specific `data`. Calls the handler with the outcome. A client with `reconnect` waits for a
   * connection first, up to `maxWait` milliseconds. It then returns a function that ends the wait: the open is not sent, and the handler
   * is not called.
   */
  open(
    channelType: string,
    data: Uint8Array | undefined,
    handler: OpenHandler,
    maxWait?: number,
  ): (() => void) | undefined;
}

/**
 * Opens a channel. Rejects with `channel-open-failed` if the peer refuses, `channel-limit`, or the error that ended the connection.
 * `hint` is appended to the message of a refusal.
 */
export function openChannel(mux: Opener, channelType: string, data?: Uint8Array, hint = ""): Promise<Channel> {
  return new Promise((resolve, reject) => {
    mux.open(channelType, data, {
      opened: resolve,
      refused: (reasonCode, description) =>
        reject(
          new SshError(
            "channel-open-failed",
            `the peer refused a channel of type ${escapeText(channelType)} (${reasonName(reasonCode)}): ${/* rule: refusal-text */ escapeText(description)}${hint}`,
          ),
        ),
      lost: (error) => reject(afterEnd(error)),
    });
  });
}

/** Returns the name of a reason code (RFC 4254 §5.1), or its number. */
export function reasonName(reasonCode: number): string {
  return codeName(CHANNEL_OPEN_FAILURE_REASON, reasonCode) ?? `${reasonCode}`;
}
