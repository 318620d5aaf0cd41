import { type Attributes, SSH_FX } from "@nacre/sftp";
import { type CallContext, call, hasStatus } from "./call.ts";
import { toBytes } from "./remote-path.ts";
import type { OpenFile, SftpChannel } from "./sftp-channel.ts";

/**
 * Sets attributes of an open file. A server that lacks FSETSTAT, as Twisted's does, sets those of the file that has the path now. Rejects with
 * `aborted`, or the server's error.
 */
export async function setAttributes(
  channel: SftpChannel,
  { handle, path }: OpenFile,
  attributes: Attributes,
  context: CallContext,
): Promise<void> {
  try {
    await call(channel, { type: "fsetstat", handle, attributes }, "status", context);
  } catch (error) {
    if (!hasStatus(error, SSH_FX.OP_UNSUPPORTED)) throw error;
    await call(channel, { type: "setstat", path: toBytes(path), attributes }, "status", context);
  }
}
