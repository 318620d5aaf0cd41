import { SSH_FX } from "@nacre/sftp";
import { escapeText } from "@nacre/wire";
import { usage } from "../check.ts";
import { type CallContext, call, hasStatus } from "./call.ts";
import { readAllEntries } from "./directory.ts";
import type { RmOptions } from "./options.ts";
import { allSettled, Parallel } from "./parallel.ts";
import { join, toBytes } from "./remote-path.ts";
import type { SftpChannel } from "./sftp-channel.ts";
import { Stats } from "./stats.ts";

/** Removes a file, or a directory with its contents. Symbolic links are removed, never followed. See `Sftp.rm`. */
export async function remove(
  channel: SftpChannel,
  path: string,
  { recursive = false, force = false }: RmOptions,
  context: CallContext,
): Promise<void> {
  try {
    const { attributes } = await call(channel, { type: "lstat", path: toBytes(path) }, "attributes", context);
    if (!new Stats(attributes, Number).isDirectory()) await removeFile(channel, path, context);
    else if (recursive) await removeTree(channel, path, new Parallel(), context);
    else throw usage(`rm "${escapeText(path)}": it is a directory; pass { recursive: true }`);
  } catch (error) {
    if (!(force && hasStatus(error, SSH_FX.NO_SUCH_FILE))) throw error;
  }
}

/** Removes a file or a link. */
export async function removeFile(channel: SftpChannel, path: string, context: CallContext): Promise<void> {
  await call(channel, { type: "remove", path: toBytes(path) }, "status", context);
}

async function removeTree(channel: SftpChannel, path: string, parallel: Parallel, context: CallContext): Promise<void> {
  const entries = await parallel.run(() => readAllEntries(channel, path, context));
  await allSettled(
    entries.map((entry) => {
      const below = join(path, entry.name);
      return entry.isDirectory()
        ? removeTree(channel, below, parallel, context)
        : parallel.run(() => removeFile(channel, below, context));
    }),
  );
  await parallel.run(() => call(channel, { type: "rmdir", path: toBytes(path) }, "status", context));
}
