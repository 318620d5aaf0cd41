import { SftpError, SSH_FX } from "@nacre/sftp";
import { modeAttributes } from "../channel/attributes.ts";
import { type CallContext, call, hasStatus } from "../channel/call.ts";
import { dirname, toBytes } from "../channel/remote-path.ts";
import type { SftpChannel } from "../channel/sftp-channel.ts";
import { Stats } from "./stats.ts";

/** Makes a directory. */
export async function makeDirectory(
  channel: SftpChannel,
  path: string,
  mode: number | undefined,
  context: CallContext,
): Promise<void> {
  await call(channel, { type: "mkdir", path: toBytes(path), attributes: modeAttributes(mode) }, "status", context);
}

/** Makes a directory and its missing parents. Resolves with the first one made, or `undefined` if the directory exists. */
export async function makeDirectories(
  channel: SftpChannel,
  path: string,
  mode: number | undefined,
  context: CallContext,
): Promise<string | undefined> {
  try {
    await makeDirectory(channel, path, mode, context);
    return path;
  } catch (error) {
    const parent = dirname(path);
    if (!hasStatus(error, SSH_FX.NO_SUCH_FILE)) {
      // Servers have no status of their own for an existing directory.
      if (await isDirectory(channel, path, context)) return undefined;
      throw error;
    }
    if (parent === path || parent === ".") throw error;
    const first = await makeDirectories(channel, parent, mode, context);
    // Another program may make the same directories at the same time.
    try {
      await makeDirectory(channel, path, mode, context);
      return first ?? path;
    } catch (again) {
      if (await isDirectory(channel, path, context)) return first;
      throw again;
    }
  }
}

async function isDirectory(channel: SftpChannel, path: string, context: CallContext): Promise<boolean> {
  try {
    const { attributes } = await call(channel, { type: "stat", path: toBytes(path) }, "attributes", context);
    return new Stats(attributes, Number).isDirectory();
  } catch (error) {
    if (error instanceof SftpError) return false;
    throw error;
  }
}
