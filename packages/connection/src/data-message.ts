import type { PacketSink } from "@nacre/packet";
import {
  type Bytes,
  type ChannelData,
  type ChannelExtendedData,
  readUint32,
  SSH_MSG_CHANNEL_DATA,
  SSH_MSG_CHANNEL_EXTENDED_DATA,
} from "@nacre/wire";

// These messages carry bulk data. They are encoded and decoded by hand to avoid a copy and a `Writer` or `Reader` per packet.

/** Payload length in bytes from which a message does not wait for more bytes of its stream. */
const LONG = 1024;

/**
 * Writes `bytes` to the sink: for stream 0 as SSH_MSG_CHANNEL_DATA, else as SSH_MSG_CHANNEL_EXTENDED_DATA of the type `stream` (RFC 4254
 * §5.2). They go into a message of its own, or to the end of the previous one if that holds bytes of the same stream, is not sealed yet,
 * and gets at most `most` bytes of data. A packet costs more than the bytes of a short message.
 */
export function sendData(
  sink: PacketSink,
  recipientChannel: number,
  bytes: Uint8Array,
  stream: number,
  most: number,
): void {
  const header = stream === 0 ? 9 : 13;
  // Differs for each channel and stream, and is never 0.
  const key = 1 + 2 * recipientChannel + 2 ** 33 * stream;
  const out = sink.begin(header, bytes.length, key, most);
  out[0] = stream === 0 ? SSH_MSG_CHANNEL_DATA.number : SSH_MSG_CHANNEL_EXTENDED_DATA.number;
  putUint32(out, 1, recipientChannel);
  if (stream !== 0) putUint32(out, 5, stream);
  putUint32(out, header - 4, out.length - header);
  out.set(bytes, out.length - bytes.length);
  sink.commit(out.length < LONG ? key : 0);
}

/** Decodes SSH_MSG_CHANNEL_DATA. The data is a view of the payload. Throws `malformed-message`. */
export function decodeData(payload: Bytes): ChannelData & { readonly data: Bytes } {
  // If the length is wrong, the codec throws the error.
  if (payload.length < 9 || readUint32(payload, 5) !== payload.length - 9) SSH_MSG_CHANNEL_DATA.decode(payload);
  return { recipientChannel: readUint32(payload, 1), data: payload.subarray(9) };
}

/** Decodes SSH_MSG_CHANNEL_EXTENDED_DATA. The data is a view of the payload. Throws `malformed-message`. */
export function decodeExtendedData(payload: Bytes): ChannelExtendedData & { readonly data: Bytes } {
  return { ...SSH_MSG_CHANNEL_EXTENDED_DATA.decode(payload), data: payload.subarray(13) };
}

function putUint32(out: Uint8Array, offset: number, value: number): void {
  out[offset] = value >>> 24;
  out[offset + 1] = value >>> 16;
  out[offset + 2] = value >>> 8;
  out[offset + 3] = value;
}
