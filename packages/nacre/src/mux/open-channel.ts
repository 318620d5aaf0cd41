import { CHANNEL_OPEN_FAILURE_REASON, escapeText, SshError } from "@nacre/wire";
import { checkChannelType, isBytes, usage } from "../check.ts";
import { afterEnd } from "./after-end.ts";
import type { Channel } from "./channel.ts";
import type { OpenHandler } from "./mux.ts";

/** Opens channels with callbacks. Implemented by the mux. */
export interface Opener {
  /** Sends SSH_MSG_CHANNEL_OPEN with type-specific `data`. Calls the handler with the outcome. */
  open(channelType: string, data: Uint8Array | undefined, handler: OpenHandler): void;
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

/**
 * Opens a channel with arguments from the application. Rejects as `openChannel` does, and with `usage` for an invalid type or for data that
 * is not a Uint8Array.
 */
export async function openCheckedChannel(
  mux: Opener,
  channelType: string,
  data: Uint8Array = new Uint8Array(0),
): Promise<Channel> {
  checkChannelType(channelType);
  if (!isBytes(data)) throw usage("the `data` of a channel open must be a Uint8Array");
  return openChannel(mux, channelType, data);
}

/** Returns the name of a reason code (RFC 4254 §5.1), or its number. */
export function reasonName(reasonCode: number): string {
  const reasons = Object.entries(CHANNEL_OPEN_FAILURE_REASON);
  return reasons.find(([, code]) => code === reasonCode)?.[0] ?? `${reasonCode}`;
}
