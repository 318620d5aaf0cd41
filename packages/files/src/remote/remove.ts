import { SSH_FX } from "@nacre/sftp";
import { escapeText } from "@nacre/wire";
import { usage } from "nacre/extend";
import { type CallContext, call, hasStatus } from "../channel/call.ts";
import type { RmOptions } from "../channel/options.ts";
import { join, toBytes } from "../channel/remote-path.ts";
import type { SftpChannel } from "../channel/sftp-channel.ts";
import { readAllEntries } from "./directory.ts";
import { Stats } from "./stats.ts";
import { allSettled, Parallel, TreeBound } from "./tree.ts";

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
    else if (recursive) await new Removal(channel, context).tree(path, 0);
    else throw usage(`rm "${escapeText(path)}": it is a directory; pass { recursive: true }`);
  } catch (error) {
    if (!(force && hasStatus(error, SSH_FX.NO_SUCH_FILE))) throw error;
  }
}

/** Removes a file or a link. */
export async function removeFile(channel: SftpChannel, path: string, context: CallContext): Promise<void> {
  await call(channel, { type: "remove", path: toBytes(path) }, "status", context);
}

/** Removes a directory with its contents. */
class Removal {
  readonly #channel: SftpChannel;
  readonly #context: CallContext;
  readonly #parallel = new Parallel();
  readonly #bound: TreeBound;

  constructor(channel: SftpChannel, context: CallContext) {
    this.#channel = channel;
    this.#context = context;
    this.#bound = new TreeBound(context);
  }

  async tree(path: string, depth: number): Promise<void> {
    const [channel, context] = [this.#channel, this.#context];
    const entries = await this.#parallel.run(async () => {
      const listed = await readAllEntries(channel, path, context);
      this.#bound.hold(depth, path, listed.length);
      return listed;
    });
    await allSettled(entries.map((entry) => this.#entry(join(path, entry.name), entry.isDirectory(), depth)));
    await this.#parallel.run(() => call(channel, { type: "rmdir", path: toBytes(path) }, "status", context));
  }

  async #entry(path: string, isDirectory: boolean, depth: number): Promise<void> {
    if (isDirectory) await this.tree(path, depth + 1);
    else await this.#parallel.run(() => removeFile(this.#channel, path, this.#context));
    this.#bound.release(1);
  }
}
