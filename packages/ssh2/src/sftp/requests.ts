import type { SftpClientRequest } from "@nacre/sftp";
import { checkHandle, pathBytes } from "./arguments.ts";
import { attributesFromSsh2, type InputAttributes, unixTime } from "./attributes.ts";
import { SftpBase } from "./base.ts";
import type { Callback, DirectoryEntry } from "./call.ts";
import { stringToFlags } from "./flags.ts";
import type { Stats } from "./stats.ts";
import { STATUS_CODE } from "./status.ts";

/** A time in seconds since 1970, or a date. */
type Time = number | Date;

/** Options of `readdir`. */
export interface ReaddirOptions {
  /** Whether the names "." and ".." are in the list, too; default false. */
  readonly full?: boolean | undefined;
}

/** Server that announces fstatvfs@openssh.com, but has the order of paths of the draft. */
const ASYNCSSH = /^SSH-2\.0-AsyncSSH_/;

/** Servers that know the order of the paths of OpenSSH from clients of this package's identification string. */
const NACRE = /^SSH-2\.0-Nacre_/;

/** The requests of SFTP version 3, one method each. */
export abstract class SftpRequests extends SftpBase {
  open(path: string, flags: string | number, callback: Callback<[Buffer]>): void;
  open(
    path: string,
    flags: string | number,
    attributes: InputAttributes | string | number,
    callback: Callback<[Buffer]>,
  ): void;
  open(path: string, flags: string | number, given: unknown, last?: Callback<[Buffer]>): void {
    const [attributes, callback] = attributesAnd(given, last);
    const number = typeof flags === "number" ? flags >>> 0 : stringToFlags(flags);
    if (number === null) throw new Error(`Unknown flags string: ${flags}`);
    const isMode = typeof attributes === "string" || typeof attributes === "number";
    this.send(
      {
        type: "open",
        flags: number,
        attributes: attributesFromSsh2(isMode ? { mode: attributes } : attributes),
        path: pathBytes(path),
      },
      callback,
    );
  }

  close(handle: Buffer, callback?: Callback): void {
    checkHandle(handle);
    this.send({ type: "close", handle }, callback);
  }

  fstat(handle: Buffer, callback: Callback<[Stats]>): void {
    checkHandle(handle);
    this.send({ type: "fstat", handle }, callback);
  }

  stat(path: string, callback: Callback<[Stats]>): void {
    this.send({ type: "stat", path: pathBytes(path) }, callback);
  }

  lstat(path: string, callback: Callback<[Stats]>): void {
    this.send({ type: "lstat", path: pathBytes(path) }, callback);
  }

  setstat(path: string, given: unknown, last?: Callback): void {
    const [attributes, callback] = attributesAnd(given, last);
    const encoded = attributesFromSsh2(attributes);
    this.send({ type: "setstat", path: pathBytes(path), attributes: encoded }, callback);
  }

  fsetstat(handle: Buffer, given: unknown, last?: Callback): void {
    checkHandle(handle);
    const [attributes, callback] = attributesAnd(given, last);
    this.send({ type: "fsetstat", handle, attributes: attributesFromSsh2(attributes) }, callback);
  }

  futimes(handle: Buffer, atime: Time, mtime: Time, callback?: Callback): void {
    this.fsetstat(handle, { atime: unixTime(atime), mtime: unixTime(mtime) }, callback);
  }

  utimes(path: string, atime: Time, mtime: Time, callback?: Callback): void {
    this.setstat(path, { atime: unixTime(atime), mtime: unixTime(mtime) }, callback);
  }

  fchown(handle: Buffer, uid: number, gid: number, callback?: Callback): void {
    this.fsetstat(handle, { uid, gid }, callback);
  }

  chown(path: string, uid: number, gid: number, callback?: Callback): void {
    this.setstat(path, { uid, gid }, callback);
  }

  fchmod(handle: Buffer, mode: number | string, callback?: Callback): void {
    this.fsetstat(handle, { mode }, callback);
  }

  chmod(path: string, mode: number | string, callback?: Callback): void {
    this.setstat(path, { mode }, callback);
  }

  opendir(path: string, callback: Callback<[Buffer]>): void {
    this.send({ type: "opendir", path: pathBytes(path) }, callback);
  }

  /**
   * Lists a directory by its path, or the next names of an open one by its handle. At the end of the directory the error has the code
   * `EOF`.
   */
  readdir(where: string | Buffer, callback: Callback<[DirectoryEntry[]]>): void;
  readdir(where: string | Buffer, options: ReaddirOptions, callback: Callback<[DirectoryEntry[]]>): void;
  readdir(where: string | Buffer, given: unknown, last?: Callback<[DirectoryEntry[]]>): void {
    const callback = (typeof given === "function" ? given : last) as Callback<[DirectoryEntry[]]> | undefined;
    const isFull = typeof given === "object" && given !== null && Boolean((given as ReaddirOptions).full);
    if (typeof where === "string") this.#listPath(where, isFull, callback ?? (() => {}));
    else if (Buffer.isBuffer(where)) this.#listNext(where, isFull, callback ?? (() => {}));
    else throw new Error("missing directory handle or path");
  }

  #listPath(path: string, isFull: boolean, callback: Callback<[DirectoryEntry[]]>): void {
    const entries: DirectoryEntry[] = [];
    this.opendir(path, (error, handle) => {
      if (error !== undefined) {
        callback(error);
        return;
      }
      const next = (failure?: Error, list: readonly DirectoryEntry[] = []): void => {
        if (failure === undefined) {
          for (const entry of list) entries.push(entry);
          this.#listNext(handle!, isFull, next);
        } else if ((failure as { readonly code?: unknown }).code === STATUS_CODE.EOF) {
          this.close(handle!, (closing) => (closing === undefined ? callback(undefined, entries) : callback(closing)));
        } else {
          this.close(handle!, () => callback(failure));
        }
      };
      this.#listNext(handle!, isFull, next);
    });
  }

  #listNext(handle: Buffer, isFull: boolean, callback: Callback<[DirectoryEntry[]]>): void {
    this.send({ type: "readdir", handle }, (error?: Error, list?: DirectoryEntry[]) => {
      if (error !== undefined) callback(error);
      else callback(undefined, isFull ? list! : list!.filter(({ filename }) => filename !== "." && filename !== ".."));
    });
  }

  unlink(path: string, callback?: Callback): void {
    this.send({ type: "remove", path: pathBytes(path) }, callback);
  }

  rename(oldPath: string, newPath: string, callback?: Callback): void {
    this.send({ type: "rename", oldPath: pathBytes(oldPath), newPath: pathBytes(newPath) }, callback);
  }

  mkdir(path: string, given?: unknown, last?: Callback): void {
    const [attributes, callback] = attributesAnd(given, last);
    const encoded = attributesFromSsh2(attributes);
    this.send({ type: "mkdir", path: pathBytes(path), attributes: encoded }, callback);
  }

  rmdir(path: string, callback?: Callback): void {
    this.send({ type: "rmdir", path: pathBytes(path) }, callback);
  }

  readlink(path: string, callback: Callback<[string]>): void {
    this.send({ type: "readlink", path: pathBytes(path) }, callback);
  }

  realpath(path: string, callback: Callback<[string]>): void {
    this.send({ type: "realpath", path: pathBytes(path) }, callback);
  }

  symlink(targetPath: string, linkPath: string, callback?: Callback): void {
    const [target, link] = [pathBytes(targetPath), pathBytes(linkPath)];
    const request = { type: "symlink", targetPath: target, linkPath: link } satisfies SftpClientRequest;
    this.send(this.#hasTargetFirst() ? request : { ...request, targetPath: link, linkPath: target }, callback);
  }

  /**
   * Returns whether the server has OpenSSH's order of the paths of a link (OpenSSH PROTOCOL §4.1). ssh2 recognises such a server by its
   * identification string. OpenSSH's `sftp-server` also runs under other SSH servers.
   */
  #hasTargetFirst(): boolean {
    if (this._isOpenSSH || NACRE.test(this.serverVersion)) return true;
    const isOpenSshProgram = this._driver.machine.extensions.has("fstatvfs@openssh.com");
    return isOpenSshProgram && !ASYNCSSH.test(this.serverVersion);
  }
}

/** Returns attributes and callback of a method whose attributes may be left out. */
function attributesAnd<C>(
  given: unknown,
  last: C | undefined,
): readonly [attributes: unknown, callback: C | undefined] {
  return typeof given === "function" ? [undefined, given as C] : [given, last];
}
