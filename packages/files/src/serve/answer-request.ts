import {
  type Attributes,
  decodePath,
  encodePath,
  type ReadRequest,
  type SftpServer,
  type SftpServerRequest,
  SSH_FX,
  SSH_FXF,
} from "@nacre/sftp";
import type { AskToken } from "@nacre/wire";
import { copyData } from "./copy-data.ts";
import { isChange } from "./extensions.ts";
import { FileSystemError } from "./file-error.ts";
import type { DirectoryEntry, FileSystem, OpenMode, ServedDirectory } from "./file-system.ts";
import { nameEntry } from "./longname.ts";
import { type OpenHandle, servedOf } from "./open-handle.ts";
import type { SftpRequestType } from "./options.ts";
import type { PathAccess } from "./path-order.ts";

/** A request of the client, with the values of its handles. */
export type Request = SftpServerRequest<OpenHandle>;

/** What the answers of a session depend on. */
export interface AnswerContext {
  readonly fileSystem: FileSystem;
  readonly machine: SftpServer<OpenHandle>;
  readonly readOnly: boolean;
  /** Returns whether requests of a type are permitted. */
  isPermitted(this: void, type: SftpRequestType): boolean;
  /** Name of the user that logged in. */
  readonly user: string;
  /** Returns whether the session has ended. */
  isOver(this: void): boolean;
}

/** Returns how a request takes part in the order of requests by path, or `undefined` for a request on a handle. */
export function pathAccessOf(request: Request): PathAccess | undefined {
  if (request.type === "open") return (request.flags & ~SSH_FXF.READ) === 0 ? "read" : "change";
  // A file system may store the contents at the close, so a change that follows waits for it.
  if (request.type === "close") return "read";
  if ("handle" in request || request.type === "copy-data") return undefined;
  return isChange(request.type) ? "change" : "read";
}

/** Returns the path of a request for the log. */
export function pathOf(request: Request): string | undefined {
  if ("path" in request) return decodePath(request.path);
  if ("oldPath" in request) return decodePath(request.oldPath);
  if ("handle" in request) return request.handle.path;
  if (request.type === "copy-data") return request.readHandle.path;
  return request.type === "symlink" ? decodePath(request.linkPath) : undefined;
}

/** Returns the second path of a request for the log. */
export function otherPathOf(request: Request): string | undefined {
  if ("newPath" in request) return decodePath(request.newPath);
  return request.type === "symlink" ? decodePath(request.targetPath) : undefined;
}

/**
 * Answers a request from the file system, at once or later. Returns `undefined` if it is answered. Throws, or rejects with, the exception of
 * the file system, without an answer.
 */
export function answerRequest(token: AskToken, request: Request, context: AnswerContext): Promise<void> | undefined {
  // rule: sftp-denied-request
  if (!context.isPermitted(request.type)) throw new FileSystemError("EACCES");
  // rule: sftp-read-only
  if (context.readOnly && isDenied(request)) throw new FileSystemError("EACCES");
  return request.type === "read" ? answerRead(token, request, context) : answerLater(token, request, context);
}

/** Answers a read at once if the file can. */
function answerRead(
  token: AskToken,
  { handle, offset, length }: ReadRequest<OpenHandle>,
  { machine }: AnswerContext,
): Promise<void> | undefined {
  // rule: sftp-open-for-reading
  if (handle.kind !== "file" || !handle.mode.read) throw new FileSystemError("EACCES");
  const give = (bytes: Uint8Array): undefined => {
    if (bytes.length === 0) machine.status(token, SSH_FX.EOF);
    else machine.data(token, bytes);
  };
  const now = handle.file.readNow?.(offset, length);
  return now === undefined ? handle.file.read(offset, length).then(give) : give(now);
}

async function answerLater(
  token: AskToken,
  request: Exclude<Request, { readonly type: "read" }>,
  context: AnswerContext,
): Promise<void> {
  const { fileSystem: fs, machine } = context;
  switch (request.type) {
    case "open": {
      const path = decodePath(request.path);
      const mode = modeOf(request.flags);
      const file = await fs.open(path, mode, request.attributes);
      return machine.handle(token, { kind: "file", file, mode, path });
    }
    case "opendir": {
      const path = decodePath(request.path);
      const directory = await fs.opendir(path);
      return machine.handle(token, {
        kind: "directory",
        directory,
        path,
        dots: await dotEntries(fs, path, directory),
        left: [],
      });
    }
    case "close":
      await servedOf(request.handle).close();
      break;
    case "write": {
      const { handle } = request;
      // rule: sftp-open-for-writing
      if (handle.kind !== "file" || !handle.mode.write) throw new FileSystemError("EACCES");
      const { data } = request;
      try {
        if (data.length > 0) await handle.file.write(request.offset, data);
      } finally {
        fs.releaseBytes?.(data);
      }
      break;
    }
    case "readdir": {
      const { handle } = request;
      if (handle.kind !== "directory") throw new FileSystemError("ENOTDIR");
      if (handle.left.length === 0) {
        const entries = [...handle.dots, ...(await handle.directory.read())];
        handle.dots = [];
        const now = Date.now() / 1000;
        handle.left = entries.map((entry) => nameEntry(entry, now));
      }
      if (handle.left.length === 0) return machine.status(token, SSH_FX.EOF);
      handle.left = handle.left.slice(machine.names(token, handle.left));
      return;
    }
    case "stat":
      return machine.attributes(token, await fs.stat(decodePath(request.path)));
    case "lstat":
      return machine.attributes(token, await fs.lstat(decodePath(request.path)));
    case "fstat":
      return machine.attributes(token, await servedOf(request.handle).stat());
    case "setstat":
      await method(fs, "setstat")(decodePath(request.path), request.attributes);
      break;
    case "lsetstat":
      await method(fs, "lsetstat")(decodePath(request.path), request.attributes);
      break;
    case "fsetstat": {
      const { handle, attributes } = request;
      // rule: sftp-open-for-truncation
      if (attributes.size !== undefined && !(handle.kind === "file" && handle.mode.write))
        throw new FileSystemError("EACCES");
      await servedOf(handle).setstat(attributes);
      break;
    }
    case "mkdir":
      await method(fs, "mkdir")(decodePath(request.path), request.attributes);
      break;
    case "rmdir":
      await method(fs, "rmdir")(decodePath(request.path));
      break;
    case "remove":
      await method(fs, "remove")(decodePath(request.path));
      break;
    case "rename":
      await method(fs, "rename")(decodePath(request.oldPath), decodePath(request.newPath));
      break;
    case "posix-rename":
      await method(fs, "posixRename")(decodePath(request.oldPath), decodePath(request.newPath));
      break;
    case "hardlink":
      await method(fs, "link")(decodePath(request.oldPath), decodePath(request.newPath));
      break;
    case "symlink":
      await method(fs, "symlink")(decodePath(request.targetPath), decodePath(request.linkPath));
      break;
    case "readlink":
      return machine.name(token, encodePath(await method(fs, "readlink")(decodePath(request.path))));
    case "realpath":
      return machine.name(token, encodePath(await fs.realpath(decodePath(request.path))));
    case "expand-path":
      return machine.name(token, encodePath(await expandPath(decodePath(request.path), context)));
    case "home-directory": {
      const user = request.userName === "" ? context.user : request.userName;
      return machine.name(token, encodePath(await method(fs, "homeDirectory")(user, user === context.user)));
    }
    case "fsync":
      if (request.handle.kind !== "file") throw new FileSystemError("EINVAL");
      await method(fs, "fsync")(request.handle.file);
      break;
    case "statvfs":
      return machine.statvfs(token, await method(fs, "statfs")(decodePath(request.path)));
    case "fstatvfs":
      return machine.statvfs(token, await method(fs, "fstatfs")(servedOf(request.handle)));
    case "copy-data": {
      const { readHandle: from, writeHandle: to } = request;
      if (from.kind !== "file" || /* rule: sftp-open-for-copying */ !from.mode.read)
        throw new FileSystemError("EACCES");
      if (to.kind !== "file" || /* rule: sftp-open-for-copies */ !to.mode.write) throw new FileSystemError("EACCES");
      await copyData(request, context.isOver);
      break;
    }
    case "users-groups-by-id":
      return machine.usersGroups(token, await method(fs, "usersGroups")(request.uids, request.gids));
    case "extended":
      throw new FileSystemError("ENOSYS");
  }
  machine.status(token, SSH_FX.OK);
}

/** Returns the entries "." and ".." of a directory, as OpenSSH's server lists them. One without attributes is left out. */
async function dotEntries(fs: FileSystem, path: string, directory: ServedDirectory): Promise<DirectoryEntry[]> {
  const [own, above] = await Promise.allSettled([statOf(directory), statOf(fs, `${path || "."}/..`)]);
  return [
    ...(own.status === "fulfilled" ? [{ name: ".", attributes: own.value }] : []),
    ...(above.status === "fulfilled" ? [{ name: "..", attributes: above.value }] : []),
  ];
}

/** Rejects also if the file system throws before it returns a Promise. */
async function statOf<Args extends unknown[]>(
  files: { stat(...args: Args): Promise<Attributes> },
  ...args: Args
): Promise<Attributes> {
  return files.stat(...args);
}

function isDenied(request: Request): boolean {
  return request.type === "open" ? (request.flags & ~SSH_FXF.READ) !== 0 : isChange(request.type);
}

function modeOf(flags: number): OpenMode {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const append = has(SSH_FXF.APPEND);
  const write = has(SSH_FXF.WRITE) || append;
  const create = has(SSH_FXF.CREAT);
  return {
    // OpenSSH's server, too, opens for reading if the flags name neither.
    read: has(SSH_FXF.READ) || !write,
    write,
    append,
    create,
    truncate: has(SSH_FXF.TRUNC),
    exclusive: create && has(SSH_FXF.EXCL),
  };
}

/** Returns an optional method. Throws ENOSYS if the file system lacks it. */
function method<Name extends keyof FileSystem>(fs: FileSystem, name: Name): NonNullable<FileSystem[Name]> {
  const found = fs[name];
  if (found === undefined) throw new FileSystemError("ENOSYS");
  return found.bind(fs) as NonNullable<FileSystem[Name]>;
}

/** Replaces "~" or "~user" at the start of a path, then resolves it (OpenSSH PROTOCOL §4.9). */
async function expandPath(path: string, { fileSystem, user }: AnswerContext): Promise<string> {
  if (!path.startsWith("~")) return fileSystem.realpath(path);
  const [first = "", ...rest] = path.split("/");
  const owner = first === "~" ? user : first.slice(1);
  const home = await method(fileSystem, "homeDirectory")(owner, owner === user);
  return fileSystem.realpath([home, ...rest].join("/"));
}
