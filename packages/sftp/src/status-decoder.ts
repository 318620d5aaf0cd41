import { copyBytes } from "@nacre/wire";
import { decodeReply, type RequestType, type SftpReply } from "./table.ts";

/** Bytes of a reply before its fields: type, request id. */
const HEADER = 5;

/** Maximum length in bytes of a status that is remembered. */
const MAX_REMEMBERED = 64;

/**
 * Decodes SSH_FXP_STATUS. Servers answer most requests with the same bytes for "success" after the request id, so the last status is
 * remembered: to compare the bytes takes less time than to decode the texts.
 */
export class StatusDecoder {
  /** Fields of the last status. */
  #fields: Uint8Array = new Uint8Array(0);
  #reply: SftpReply | undefined;

  /** Decodes a packet without its length field. Throws like `decodeReply`. */
  decode(packet: Uint8Array, type: RequestType): SftpReply {
    if (this.#reply !== undefined && this.#isSame(packet)) return this.#reply;
    const reply = decodeReply(packet, type);
    if (packet.length - HEADER <= MAX_REMEMBERED) {
      this.#fields = copyBytes(packet.subarray(HEADER));
      this.#reply = reply;
    }
    return reply;
  }

  #isSame(packet: Uint8Array): boolean {
    const fields = this.#fields;
    if (packet.length !== HEADER + fields.length) return false;
    for (let at = 0; at < fields.length; at++) if (packet[HEADER + at] !== fields[at]) return false;
    return true;
  }
}
