import {
  type Bytes,
  cutText,
  decodeIfReadable,
  SSH_MSG_DEBUG,
  SSH_MSG_DISCONNECT,
  SSH_MSG_EXT_INFO,
  SSH_MSG_IGNORE,
  SSH_MSG_PONG,
  SSH_MSG_UNIMPLEMENTED,
  SshError,
} from "@nacre/wire";
import type { TransportEvent } from "./events.ts";

/**
 * Returns the event for an informative message, or `undefined` if the message causes no event. IGNORE, UNIMPLEMENTED and DEBUG only inform,
 * so a malformed one is ignored; the trace shows it as malformed. `nameOf` names our key exchange message with a sequence number. Throws
 * `malformed-message` for the others, also for more than `maxExtensions`.
 */
export function readInformative(
  payload: Bytes,
  maxExtensions: number,
  nameOf: (sequenceNumber: number) => string | undefined,
): TransportEvent | undefined {
  switch (payload[0]) {
    case SSH_MSG_IGNORE.number:
      return undefined;
    case SSH_MSG_DISCONNECT.number: {
      const { reasonCode, description } = SSH_MSG_DISCONNECT.decode(payload);
      // rule: disconnect-length
      return { type: "disconnect", reasonCode, description: cutText(description, 500) };
    }
    case SSH_MSG_UNIMPLEMENTED.number: {
      const sequenceNumber = decodeIfReadable(SSH_MSG_UNIMPLEMENTED, payload)?.sequenceNumber;
      if (sequenceNumber === undefined) return undefined;
      return { type: "unimplemented", sequenceNumber, kexMessage: nameOf(sequenceNumber) };
    }
    case SSH_MSG_DEBUG.number: {
      const debug = decodeIfReadable(SSH_MSG_DEBUG, payload);
      return debug && { type: "debug", alwaysDisplay: debug.alwaysDisplay, message: debug.message };
    }
    case SSH_MSG_EXT_INFO.number: {
      // A copy: the extensions are kept.
      const { extensions } = SSH_MSG_EXT_INFO.decode(payload.slice());
      // rule: ext-info-count
      if (extensions.length <= maxExtensions) return { type: "ext-info", extensions };
      throw new SshError(
        "malformed-message",
        `SSH_MSG_EXT_INFO has ${extensions.length} extensions, but the maximum is ${maxExtensions}`,
      );
    }
    case SSH_MSG_PONG.number:
      SSH_MSG_PONG.decode(payload);
      return undefined;
    default:
      throw new SshError("internal", `message ${payload[0]} has no receiver`);
  }
}
