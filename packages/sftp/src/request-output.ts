import { type Bytes, SshError, utf8Encode, Writer } from "@nacre/wire";
import { SFTP_VERSION } from "./constants.ts";
import { SFTP_EXTENSIONS } from "./messages/extensions.ts";
import { init } from "./messages/handshake.ts";
import { OutputBuffer } from "./output-buffer.ts";
import { REQUESTS, type SftpRequest, SSH_FXP } from "./table.ts";

/** Bytes of a request before its fields: type, request id. */
const REQUEST_HEADER = 5;

/** Bytes of SSH_FXP_WRITE without handle and data: type, request id, two lengths, offset. */
const WRITE_HEADER = 21;

/** Names of extensions as bytes, by their text. */
const EXTENSION_NAMES: ReadonlyMap<string, Bytes> = new Map(
  Object.values(SFTP_EXTENSIONS).map(({ name }) => [name, utf8Encode(name)]),
);

/** Writes a client's packets into its output. */
export class RequestOutput extends OutputBuffer {
  /** Fields of the request that is being written. */
  readonly #fields = new Writer();

  /** Writes SSH_FXP_INIT. */
  init(): void {
    const fields = init.encode({ version: SFTP_VERSION, extensions: [] });
    this.begin(1 + fields.length)
      .byte(SSH_FXP.INIT)
      .raw(fields);
  }

  /** Writes any request but "write". Throws `usage` for an invalid value, or if the packet would be longer than `maxPacketLength`. */
  request(id: number, request: SftpRequest, maxPacketLength: number): void {
    const { type } = request;
    if (type === "read") assertOffset(request.offset, request.length);
    const { number, extension, codec } = REQUESTS[type];
    const name = extension && EXTENSION_NAMES.get(extension.name);
    codec.write(this.#fields.clear(), request);
    const fields = this.#fields.written;
    const length = REQUEST_HEADER + (name === undefined ? 0 : 4 + name.length) + fields.length;
    assertLength(length, type, maxPacketLength);
    const output = this.begin(length).byte(number).uint32(id);
    if (name !== undefined) output.string(name);
    output.raw(fields);
  }

  /** Writes "write" without a second copy of the data. Throws `usage` if the packet would be longer than `maxPacketLength`. */
  write(id: number, handle: Uint8Array, offset: number, data: Uint8Array, maxPacketLength: number): void {
    assertOffset(offset, data.length);
    const length = WRITE_HEADER + handle.length + data.length;
    assertLength(length, "write", maxPacketLength);
    this.begin(length).byte(SSH_FXP.WRITE).uint32(id).string(handle).uint64(offset).string(data);
  }
}

function assertLength(length: number, type: SftpRequest["type"], maxPacketLength: number): void {
  if (length > maxPacketLength)
    throw new SshError("usage", `an SFTP packet of ${length} bytes for "${type}"; the limit is ${maxPacketLength}`);
}

/** Throws `usage` if a range is not within the offsets that a number can represent. */
function assertOffset(offset: number, length: number): void {
  if (!(Number.isSafeInteger(offset) && offset >= 0 && Number.isSafeInteger(offset + length)))
    throw new SshError("usage", `an offset must be an integer from 0 to 2^53 - 1, got ${offset} and ${length} bytes`);
}
