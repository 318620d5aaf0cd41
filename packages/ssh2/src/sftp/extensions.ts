import { SFTP_EXTENSIONS, type SftpExtensionName } from "@nacre/sftp";
import { checkHandle, pathBytes } from "./arguments.ts";
import { attributesFromSsh2 } from "./attributes.ts";
import type { Callback, FileSystemStats } from "./call.ts";
import { SftpRequests } from "./requests.ts";

/** The requests of OpenSSH's extensions (OpenSSH PROTOCOL §4), one method each. They throw if the server lacks the extension. */
export abstract class SftpExtensions extends SftpRequests {
  ext_openssh_rename(oldPath: string, newPath: string, callback?: Callback): void {
    this.#check("posixRename");
    this.send({ type: "posix-rename", oldPath: pathBytes(oldPath), newPath: pathBytes(newPath) }, callback);
  }

  ext_openssh_statvfs(path: string, callback: Callback<[FileSystemStats]>): void {
    this.#check("statvfs");
    this.send({ type: "statvfs", path: pathBytes(path) }, callback);
  }

  ext_openssh_fstatvfs(handle: Buffer, callback: Callback<[FileSystemStats]>): void {
    this.#check("fstatvfs");
    checkHandle(handle);
    this.send({ type: "fstatvfs", handle }, callback);
  }

  ext_openssh_hardlink(oldPath: string, newPath: string, callback?: Callback): void {
    this.#check("hardlink");
    this.send({ type: "hardlink", oldPath: pathBytes(oldPath), newPath: pathBytes(newPath) }, callback);
  }

  ext_openssh_fsync(handle: Buffer, callback?: Callback): void {
    this.#check("fsync");
    checkHandle(handle);
    this.send({ type: "fsync", handle }, callback);
  }

  ext_openssh_lsetstat(path: string, given: unknown, last?: Callback): void {
    this.#check("lsetstat");
    const callback = typeof given === "function" ? (given as Callback) : last;
    const attributes = attributesFromSsh2(given);
    this.send({ type: "lsetstat", path: pathBytes(path), attributes }, callback);
  }

  ext_openssh_expandPath(path: string, callback: Callback<[string]>): void {
    this.#check("expandPath");
    this.send({ type: "expand-path", path: pathBytes(path) }, callback);
  }

  ext_copy_data(
    source: Buffer,
    sourceOffset: number,
    length: number,
    target: Buffer,
    targetOffset: number,
    callback?: Callback,
  ): void {
    this.#check("copyData");
    if (!Buffer.isBuffer(source)) throw new Error("Source handle is not a Buffer");
    if (!Buffer.isBuffer(target)) throw new Error("Destination handle is not a Buffer");
    this.send(
      {
        type: "copy-data",
        readHandle: source,
        readOffset: sourceOffset,
        length,
        writeHandle: target,
        writeOffset: targetOffset,
      },
      callback,
    );
  }

  ext_home_dir(userName: string, callback: Callback<[string]>): void {
    this.#check("homeDirectory");
    if (typeof userName !== "string") throw new TypeError("username is not a string");
    this.send({ type: "home-directory", userName }, callback);
  }

  ext_users_groups(
    uids: readonly number[],
    gids: readonly number[],
    callback: Callback<[userNames: string[], groupNames: string[]]>,
  ): void {
    this.#check("usersGroupsById");
    checkIds(uids, "uid");
    checkIds(gids, "gid");
    this.send({ type: "users-groups-by-id", uids, gids }, callback);
  }

  #check(name: SftpExtensionName): void {
    if (!this._driver.machine.supports(SFTP_EXTENSIONS[name]))
      throw new Error("Server does not support this extended request");
  }
}

function checkIds(ids: unknown, what: string): void {
  if (!Array.isArray(ids)) throw new TypeError(`${what}s is not an array`);
  for (const id of ids)
    if (!Number.isInteger(id) || id < 0 || id > 0xffff_ffff)
      throw new Error(`${what} values must all be 32-bit unsigned integers`);
}
