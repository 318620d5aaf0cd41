import { SSH_FX } from "@nacre/sftp";
import type { Bytes } from "@nacre/wire";
import { ask, type CallContext } from "./call.ts";
import type { SftpChannel } from "./sftp-channel.ts";
import { openFile } from "./write-file.ts";

/**
 * Reads a file of `size` bytes in two round trips: the close follows the only read without waiting. Resolves with `undefined` if one reply
 * does not have exactly the whole file: its size has changed, or the server sends fewer bytes at once. Rejects with `aborted`, or the error of opening the file.
 */
export async function readShort(
  channel: SftpChannel,
  path: string,
  size: number,
  context: CallContext,
): Promise<Bytes | undefined> {
  const { handle } = await openFile(channel, path, "r", {}, context);
  // A read that has to wait for room must not be overtaken by the close.
  const isSent = channel.makeRoom();
  // One byte more shows whether the file has grown.
  const reading = ask(channel, { type: "read", handle, offset: 0, length: size + 1 }, context);
  if (isSent) channel.release(handle);
  try {
    const answer = await reading;
    if (answer.type === "data" && answer.data.length === size) return answer.data;
    if (answer.type === "status" && answer.status === SSH_FX.EOF && size === 0) return new Uint8Array(0);
    return undefined;
  } finally {
    if (!isSent) channel.release(handle);
  }
}
