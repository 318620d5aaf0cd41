import { type Attributes, decodePath, type SftpClientRequest, SSH_FX, type UsersGroups } from "@nacre/sftp";
import type { Bytes } from "@nacre/wire";
import { checkOptions } from "nacre/extend";
import { modeAttributes, ownerAttributes, sizeAttributes, type Time, timeAttributes } from "../channel/attributes.ts";
import { call, callContext, hasStatus } from "../channel/call.ts";
import { renameFile } from "../channel/open-file.ts";
import { type CallOptions, SFTP_OPTIONS, type StatOptions } from "../channel/options.ts";
import { type RemotePath, toBytes, toText } from "../channel/remote-path.ts";
import type { SftpChannel } from "../channel/sftp-channel.ts";
import { removeFile } from "./remove.ts";
import { type StatFs, Stats, statFs } from "./stats.ts";

/** The calls of `Sftp` that send one request about a path. */
export class PathCalls {
  readonly #channel: SftpChannel;

  /** `Sftp` calls this constructor. */
  constructor(channel: SftpChannel) {
    this.#channel = channel;
  }

  /** Resolves with the attributes of a file; of the target if it is a symbolic link. */
  stat(path: RemotePath, options?: StatOptions & { readonly bigint?: false | undefined }): Promise<Stats>;
  stat(path: RemotePath, options: StatOptions & { readonly bigint: true }): Promise<Stats<bigint>>;
  async stat(path: RemotePath, options: StatOptions = {}): Promise<Stats | Stats<bigint>> {
    return this.#stat("stat", path, options);
  }

  /** Resolves with the attributes of a file; of the link itself if it is a symbolic link. */
  lstat(path: RemotePath, options?: StatOptions & { readonly bigint?: false | undefined }): Promise<Stats>;
  lstat(path: RemotePath, options: StatOptions & { readonly bigint: true }): Promise<Stats<bigint>>;
  async lstat(path: RemotePath, options: StatOptions = {}): Promise<Stats | Stats<bigint>> {
    return this.#stat("lstat", path, options);
  }

  /** Resolves with facts about the file system that holds a file. Needs statvfs@openssh.com. */
  statfs(path: RemotePath, options?: StatOptions & { readonly bigint?: false | undefined }): Promise<StatFs>;
  statfs(path: RemotePath, options: StatOptions & { readonly bigint: true }): Promise<StatFs<bigint>>;
  async statfs(path: RemotePath, options: StatOptions = {}): Promise<StatFs | StatFs<bigint>> {
    checkOptions(options, SFTP_OPTIONS.stat, "`statfs`");
    const context = callContext("statfs", toText(path), options.signal);
    const { statvfs } = await call(this.#channel, { type: "statvfs", path: toBytes(path) }, "statvfs", context);
    return options.bigint === true ? statFs<bigint>(statvfs, BigInt) : statFs<number>(statvfs, Number);
  }

  /** Removes an empty directory. */
  rmdir(path: RemotePath, options: CallOptions = {}): Promise<void> {
    return this.#send("rmdir", path, options, (bytes) => ({ type: "rmdir", path: bytes }));
  }

  /** Removes a file or a symbolic link. */
  async unlink(path: RemotePath, options: CallOptions = {}): Promise<void> {
    checkOptions(options, SFTP_OPTIONS.call, "`unlink`");
    const context = callContext("unlink", toText(path), options.signal);
    await removeFile(this.#channel, context.path, context);
  }

  /**
   * Renames a file or directory. Replaces an existing file in one step if the server has posix-rename@openssh.com; otherwise an existing
   * file is an error.
   */
  async rename(oldPath: RemotePath, newPath: RemotePath, options: CallOptions = {}): Promise<void> {
    checkOptions(options, SFTP_OPTIONS.call, "`rename`");
    await renameFile(
      this.#channel,
      toText(oldPath),
      toText(newPath),
      callContext("rename", toText(oldPath), options.signal),
    );
  }

  /** Makes a hard link `newPath` to a file. Needs hardlink@openssh.com. */
  link(existingPath: RemotePath, newPath: RemotePath, options: CallOptions = {}): Promise<void> {
    return this.#send("link", newPath, options, (bytes) => ({
      type: "hardlink",
      oldPath: toBytes(existingPath),
      newPath: bytes,
    }));
  }

  /** Makes a symbolic link `path` to `target`. A relative target is relative to the link's directory. */
  symlink(target: RemotePath, path: RemotePath, options: CallOptions = {}): Promise<void> {
    return this.#send("symlink", path, options, (bytes) => ({
      type: "symlink",
      targetPath: toBytes(target),
      linkPath: bytes,
    }));
  }

  /** Resolves with the target of a symbolic link. Text from the server: escape it before display. */
  async readlink(path: RemotePath, options: CallOptions = {}): Promise<string> {
    checkOptions(options, SFTP_OPTIONS.call, "`readlink`");
    const request = { type: "readlink", path: toBytes(path) } as const;
    return decodePath(
      (await call(this.#channel, request, "name", callContext("readlink", toText(path), options.signal))).name.filename,
    );
  }

  /** Resolves with the absolute path without links. `realpath(".")` is the user's directory. Some servers accept a missing file. */
  async realpath(path: RemotePath, options: CallOptions = {}): Promise<string> {
    checkOptions(options, SFTP_OPTIONS.call, "`realpath`");
    const request = { type: "realpath", path: toBytes(path) } as const;
    return decodePath(
      (await call(this.#channel, request, "name", callContext("realpath", toText(path), options.signal))).name.filename,
    );
  }

  /**
   * Resolves with the absolute path of a path that may begin with `~` or `~user`. Needs expand-path@openssh.com. Text from the server:
   * escape it before display.
   */
  async expandPath(path: RemotePath, options: CallOptions = {}): Promise<string> {
    checkOptions(options, SFTP_OPTIONS.call, "`expandPath`");
    const request = { type: "expand-path", path: toBytes(path) } as const;
    const context = callContext("expandPath", toText(path), options.signal);
    return decodePath((await call(this.#channel, request, "name", context)).name.filename);
  }

  /**
   * Resolves with the names of users and groups, each in the order of the ids; "" for an unknown id. Needs users-groups-by-id@openssh.com.
   * Text from the server: escape it before display.
   */
  async usersGroups(uids: readonly number[], gids: readonly number[], options: CallOptions = {}): Promise<UsersGroups> {
    checkOptions(options, SFTP_OPTIONS.call, "`usersGroups`");
    const context = callContext("usersGroups", undefined, options.signal);
    const request = { type: "users-groups-by-id", uids, gids } as const;
    const { users, groups } = await call(this.#channel, request, "users-groups", context);
    return { users, groups };
  }

  /** Changes the permission bits of a file. Follows symbolic links. */
  async chmod(path: RemotePath, mode: number, options: CallOptions = {}): Promise<void> {
    return this.#setAttributes("chmod", path, modeAttributes(mode), options);
  }

  /** Changes the permission bits of a file, or of a symbolic link itself, which not every system has. Needs lsetstat@openssh.com. */
  async lchmod(path: RemotePath, mode: number, options: CallOptions = {}): Promise<void> {
    return this.#setAttributes("lchmod", path, modeAttributes(mode), options);
  }

  /** Changes the owner and group of a file. Follows symbolic links. */
  async chown(path: RemotePath, uid: number, gid: number, options: CallOptions = {}): Promise<void> {
    return this.#setAttributes("chown", path, ownerAttributes(uid, gid), options);
  }

  /** Changes the owner and group of a file, or of a symbolic link itself. Needs lsetstat@openssh.com. */
  async lchown(path: RemotePath, uid: number, gid: number, options: CallOptions = {}): Promise<void> {
    return this.#setAttributes("lchown", path, ownerAttributes(uid, gid), options);
  }

  /** Changes the times of last access and change of a file. Follows symbolic links. */
  async utimes(path: RemotePath, atime: Time, mtime: Time, options: CallOptions = {}): Promise<void> {
    return this.#setAttributes("utimes", path, timeAttributes(atime, mtime), options);
  }

  /** Changes the times of a file, or of a symbolic link itself. Needs lsetstat@openssh.com. */
  async lutimes(path: RemotePath, atime: Time, mtime: Time, options: CallOptions = {}): Promise<void> {
    return this.#setAttributes("lutimes", path, timeAttributes(atime, mtime), options);
  }

  /** Changes the length of a file. New bytes are 0. */
  async truncate(path: RemotePath, length: number | bigint = 0, options: CallOptions = {}): Promise<void> {
    return this.#setAttributes("truncate", path, sizeAttributes(length), options);
  }

  /** Rejects unless a file exists. SFTP cannot ask for the user's rights: open the file to find out. */
  async access(path: RemotePath, options: CallOptions = {}): Promise<void> {
    checkOptions(options, SFTP_OPTIONS.call, "`access`");
    await this.#stat("stat", path, options, "access");
  }

  /** Resolves with whether a file exists; false for a symbolic link without target. Rejects if the server cannot tell. */
  async exists(path: RemotePath, options: CallOptions = {}): Promise<boolean> {
    try {
      await this.access(path, options);
      return true;
    } catch (error) {
      if (hasStatus(error, SSH_FX.NO_SUCH_FILE)) return false;
      throw error;
    }
  }

  async #stat(
    type: "stat" | "lstat",
    path: RemotePath,
    options: StatOptions,
    name: string = type,
  ): Promise<Stats | Stats<bigint>> {
    checkOptions(options, SFTP_OPTIONS.stat, `\`${name}\``);
    const context = callContext(name, toText(path), options.signal);
    const { attributes } = await call(this.#channel, { type, path: toBytes(path) }, "attributes", context);
    return options.bigint === true ? new Stats(attributes, BigInt) : new Stats(attributes, Number);
  }

  #setAttributes(name: string, path: RemotePath, attributes: Attributes, options: CallOptions): Promise<void> {
    const type = name.startsWith("l") ? "lsetstat" : "setstat";
    return this.#send(name, path, options, (bytes) => ({ type, path: bytes, attributes }));
  }

  async #send(
    name: string,
    path: RemotePath,
    options: CallOptions,
    makeRequest: (path: Bytes) => SftpClientRequest,
  ): Promise<void> {
    checkOptions(options, SFTP_OPTIONS.call, `\`${name}\``);
    await call(this.#channel, makeRequest(toBytes(path)), "status", callContext(name, toText(path), options.signal));
  }
}
