import { SSH_FX } from "@nacre/sftp";
import type { Bytes } from "@nacre/wire";
import { ask, type CallContext } from "../remote/call.ts";
import { closeFile } from "../remote/close-file.ts";
import type { SftpChannel } from "../remote/sftp-channel.ts";
import { openFile } from "./write-file.ts";

/**
 * Reads a file of `size` bytes in two round trips: the close follows the only read without waiting. Resolves with `undefined` if one reply
 * does not have exactly the whole file: its size has changed, or the server sends fewer bytes at once. Rejects with `aborted`, or the server's
 * error.
 */
export async function readShort(
  channel: SftpChannel,
  path: string,
  size: number,
  context: CallContext,
): Promise<Bytes | undefined> {
  const file = await openFile(channel, path, "r", {}, context);
  // One byte more shows whether the file has grown.
  const reading = ask(channel, { type: "read", handle: file.handle, offset: 0, length: size + 1 }, context);
  // Nothing was written, so nothing is lost if the close fails.
  closeFile(channel, file, context).catch(() => {});
  const answer = await reading;
  if (answer.type === "data") return answer.data.length === size ? answer.data : undefined;
  if (answer.type !== "status" || answer.status !== SSH_FX.EOF) return undefined;
  return size === 0 ? new Uint8Array(0) : undefined;
}
