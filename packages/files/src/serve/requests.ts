import {
  decodePath,
  encodePath,
  extensionFor,
  type SftpExtension,
  type SftpServer,
  type SftpServerRequest,
  SSH_FX,
  SSH_FXF,
} from "@nacre/sftp";
import type { AskToken } from "@nacre/wire";
import { copyData } from "./copy-data.ts";
import { FileSystemError } from "./file-error.ts";
import type { FileSystem } from "./file-system.ts";
import { modeOf, nextEntries, type OpenHandle, openDirectory, servedOf } from "./open-handle.ts";

/** A request of the client, with the values of its handles. */
export type Request = SftpServerRequest<OpenHandle>;

/** Type of a request, such as "open" or "posix-rename". */
export type SftpRequestType = SftpServerRequest<unknown>["type"];

/** Parts that a session uses to answer requests. `Methods` are optional methods that the file system has. */
export interface AnswerContext<Methods extends OptionalMethod = never> {
  readonly fs: FileSystem & Required<Pick<FileSystem, Methods>>;
  readonly machine: SftpServer<OpenHandle>;
  /** Name of the user that logged in. */
  readonly user: string;
  /** Returns whether the session has ended. */
  isOver(this: void): boolean;
}

type OptionalMethod = {
  [Name in keyof FileSystem]-?: undefined extends FileSystem[Name] ? Name : never;
}[keyof FileSystem];

/** Row of the table of requests. `R` is the request. */
type Row<R> = {
  /** Whether it changes something; default false. `readOnly` denies a request that does. */
  readonly changes?: boolean | ((request: R) => boolean);
  /** Paths or handle that it names. */
  readonly on: Subject<R>;
} & (
  | ({ readonly needs?: undefined } & Effect<R, never>)
  | { [Method in OptionalMethod]: Needing<Method> & Effect<R, Method> }[OptionalMethod]
);

interface Needing<Method> {
  /** Method that the file system must have. Without it the request is unsupported, and its extension is not announced. */
  readonly needs: Method;
}

/** Both throw or reject with the exception of the file system, and then the request is unanswered. */
type Effect<R, Method extends OptionalMethod> =
  /** Carries the request out. SSH_FX_OK answers it then. */
  | { act(request: R, context: AnswerContext<Method>): Promise<void> }
  /** Answers the request, at once or later. Returns `undefined` if it was answered at once. */
  | { answer(request: R, context: AnswerContext<Method>, token: AskToken): Promise<void> | undefined };

/** Subject of a request: paths, or an open file or directory. */
interface Subject<R> {
  /** Whether the request takes part in the order of requests by path. The machine keeps the requests on each handle in order. */
  readonly isByPath: boolean;
  /** Returns the paths of the request for the log, at most two. That of a handle is the one that it was opened with. */
  paths(request: R): readonly string[];
}

const PATH: Subject<{ readonly path: Uint8Array }> = { isByPath: true, paths: ({ path }) => [decodePath(path)] };
const PATHS: Subject<{ readonly oldPath: Uint8Array; readonly newPath: Uint8Array }> = {
  isByPath: true,
  paths: ({ oldPath, newPath }) => [decodePath(oldPath), decodePath(newPath)],
};
const HANDLE: Subject<{ readonly handle: OpenHandle }> = { isByPath: false, paths: ({ handle }) => [handle.path] };
const NOTHING: Subject<unknown> = { isByPath: true, paths: () => [] };

/**
 * All requests that a session answers: whether they change something, their paths, and their answers. `@nacre/sftp` has the codecs and
 * extensions of these types.
 */
const REQUESTS: { readonly [Type in SftpRequestType]: Row<RequestOf<Type>> } = {
  open: {
    on: PATH,
    changes: ({ flags }) => (flags & ~SSH_FXF.READ) !== 0,
    async answer(request, { fs, machine }, token) {
      const path = decodePath(request.path);
      const mode = modeOf(request.flags);
      const file = await fs.open(path, mode, request.attributes);
      machine.handle(token, { kind: "file", file, mode, path });
    },
  },
  close: {
    // A file system may store the contents at the close, so a change that follows waits for it.
    on: { ...HANDLE, isByPath: true },
    async act({ handle }) {
      await servedOf(handle).close();
    },
  },
  read: {
    on: HANDLE,
    answer({ handle, offset, length }, { machine }, token) {
      // rule: sftp-open-for-reading
      if (handle.kind !== "file" || !handle.mode.read) throw new FileSystemError("EACCES");
      const give = (bytes: Uint8Array): undefined => {
        if (bytes.length === 0) machine.status(token, SSH_FX.EOF);
        else machine.data(token, bytes);
      };
      const now = handle.file.readNow?.(offset, length);
      return now === undefined ? handle.file.read(offset, length).then(give) : give(now);
    },
  },
  write: {
    on: HANDLE,
    changes: true,
    async act({ handle, offset, data }) {
      // rule: sftp-open-for-writing
      if (handle.kind !== "file" || !handle.mode.write) throw new FileSystemError("EACCES");
      if (data.length > 0) await handle.file.write(offset, data);
    },
  },
  lstat: {
    on: PATH,
    async answer({ path }, { fs, machine }, token) {
      machine.attributes(token, await fs.lstat(decodePath(path)));
    },
  },
  fstat: {
    on: HANDLE,
    async answer({ handle }, { machine }, token) {
      machine.attributes(token, await servedOf(handle).stat());
    },
  },
  setstat: {
    on: PATH,
    changes: true,
    needs: "setstat",
    async act({ path, attributes }, { fs }) {
      await fs.setstat(decodePath(path), attributes);
    },
  },
  fsetstat: {
    on: HANDLE,
    changes: true,
    async act({ handle, attributes }) {
      // rule: sftp-open-for-truncation
      if (attributes.size !== undefined && !(handle.kind === "file" && handle.mode.write))
        throw new FileSystemError("EACCES");
      await servedOf(handle).setstat(attributes);
    },
  },
  opendir: {
    on: PATH,
    async answer({ path }, { fs, machine }, token) {
      machine.handle(token, await openDirectory(fs, decodePath(path)));
    },
  },
  readdir: {
    on: HANDLE,
    async answer({ handle }, { machine }, token) {
      if (handle.kind !== "directory") throw new FileSystemError("ENOTDIR");
      const entries = await nextEntries(handle);
      if (entries.length === 0) machine.status(token, SSH_FX.EOF);
      else handle.left = entries.slice(machine.names(token, entries));
    },
  },
  remove: {
    on: PATH,
    changes: true,
    needs: "remove",
    async act({ path }, { fs }) {
      await fs.remove(decodePath(path));
    },
  },
  mkdir: {
    on: PATH,
    changes: true,
    needs: "mkdir",
    async act({ path, attributes }, { fs }) {
      await fs.mkdir(decodePath(path), attributes);
    },
  },
  rmdir: {
    on: PATH,
    changes: true,
    needs: "rmdir",
    async act({ path }, { fs }) {
      await fs.rmdir(decodePath(path));
    },
  },
  realpath: {
    on: PATH,
    async answer({ path }, { fs, machine }, token) {
      machine.name(token, encodePath(await fs.realpath(decodePath(path))));
    },
  },
  stat: {
    on: PATH,
    async answer({ path }, { fs, machine }, token) {
      machine.attributes(token, await fs.stat(decodePath(path)));
    },
  },
  rename: {
    on: PATHS,
    changes: true,
    needs: "rename",
    async act({ oldPath, newPath }, { fs }) {
      await fs.rename(decodePath(oldPath), decodePath(newPath));
    },
  },
  readlink: {
    on: PATH,
    needs: "readlink",
    async answer({ path }, { fs, machine }, token) {
      machine.name(token, encodePath(await fs.readlink(decodePath(path))));
    },
  },
  symlink: {
    on: { isByPath: true, paths: ({ linkPath, targetPath }) => [decodePath(linkPath), decodePath(targetPath)] },
    changes: true,
    needs: "symlink",
    async act({ targetPath, linkPath }, { fs }) {
      await fs.symlink(decodePath(targetPath), decodePath(linkPath));
    },
  },
  "posix-rename": {
    on: PATHS,
    changes: true,
    needs: "posixRename",
    async act({ oldPath, newPath }, { fs }) {
      await fs.posixRename(decodePath(oldPath), decodePath(newPath));
    },
  },
  statvfs: {
    on: PATH,
    needs: "statfs",
    async answer({ path }, { fs, machine }, token) {
      machine.statvfs(token, await fs.statfs(decodePath(path)));
    },
  },
  fstatvfs: {
    on: HANDLE,
    needs: "fstatfs",
    async answer({ handle }, { fs, machine }, token) {
      machine.statvfs(token, await fs.fstatfs(servedOf(handle)));
    },
  },
  hardlink: {
    on: PATHS,
    changes: true,
    needs: "link",
    async act({ oldPath, newPath }, { fs }) {
      await fs.link(decodePath(oldPath), decodePath(newPath));
    },
  },
  fsync: {
    on: HANDLE,
    changes: true,
    needs: "fsync",
    async act({ handle }, { fs }) {
      if (handle.kind !== "file") throw new FileSystemError("EINVAL");
      await fs.fsync(handle.file);
    },
  },
  lsetstat: {
    on: PATH,
    changes: true,
    needs: "lsetstat",
    async act({ path, attributes }, { fs }) {
      await fs.lsetstat(decodePath(path), attributes);
    },
  },
  "expand-path": {
    on: PATH,
    needs: "homeDirectory",
    // Replaces "~" or "~user" at the start of a path, then resolves it (OpenSSH PROTOCOL §4.9).
    async answer({ path }, { fs, machine, user }, token) {
      const [first = "", ...below] = decodePath(path).split("/");
      const owner = first === "~" ? user : first.slice(1);
      const start = first.startsWith("~") ? await fs.homeDirectory(owner, owner === user) : first;
      machine.name(token, encodePath(await fs.realpath([start, ...below].join("/"))));
    },
  },
  "copy-data": {
    on: { isByPath: false, paths: ({ readHandle }) => [readHandle.path] },
    changes: true,
    async act(request, { isOver }) {
      const { readHandle: from, writeHandle: to } = request;
      if (from.kind !== "file" || /* rule: sftp-open-for-copying */ !from.mode.read)
        throw new FileSystemError("EACCES");
      if (to.kind !== "file" || /* rule: sftp-open-for-copies */ !to.mode.write) throw new FileSystemError("EACCES");
      await copyData(request, isOver);
    },
  },
  "home-directory": {
    on: NOTHING,
    needs: "homeDirectory",
    async answer({ userName }, { fs, machine, user }, token) {
      const owner = userName === "" ? user : userName;
      machine.name(token, encodePath(await fs.homeDirectory(owner, owner === user)));
    },
  },
  "users-groups-by-id": {
    on: NOTHING,
    needs: "usersGroups",
    async answer({ uids, gids }, { fs, machine }, token) {
      machine.usersGroups(token, await fs.usersGroups(uids, gids));
    },
  },
  extended: {
    on: NOTHING,
    answer() {
      throw new FileSystemError("ENOSYS");
    },
  },
};

type RequestOf<Type, R extends Request = Request> = R extends { readonly type: infer T }
  ? Type extends T
    ? R
    : never
  : never;

/**
 * Types of all requests that `allowRequests` and `denyRequests` may contain. Their names are those of OpenSSH's `sftp-server -Q
 * requests`.
 */
export const SFTP_REQUEST_TYPES: readonly SftpRequestType[] = Object.keys(REQUESTS) as SftpRequestType[];

/** Returns whether a request changes something. */
export function isChange(request: Request): boolean {
  const { changes = false } = rowOf(request.type);
  return typeof changes === "boolean" ? changes : changes(request);
}

/** Returns whether a request takes part in the order of requests by path. */
export function isByPath({ type }: Request): boolean {
  return REQUESTS[type].on.isByPath;
}

/** Returns the paths of a request for the log: of a rename or link both. */
export function pathsOf(request: Request): readonly string[] {
  return rowOf(request.type).on.paths(request);
}

/**
 * Answers a request from the file system, at once or later. Returns `undefined` if it was answered at once. Throws or rejects with the
 * exception of the file system, and then the request is unanswered.
 */
export function answerRequest(token: AskToken, request: Request, context: AnswerContext): Promise<void> | undefined {
  const row = rowOf(request.type);
  if (row.needs !== undefined && context.fs[row.needs] === undefined) throw new FileSystemError("ENOSYS");
  if ("answer" in row) return row.answer(request, context, token);
  return row.act(request, context).then(() => context.machine.status(token, SSH_FX.OK));
}

/** Returns the extensions to announce: those that are permitted, and that the file system has the methods for. */
export function extensionsOf(
  fs: FileSystem,
  readOnly: boolean,
  isPermitted: (type: SftpRequestType) => boolean,
): SftpExtension[] {
  return SFTP_REQUEST_TYPES.flatMap((type) => {
    const extension = extensionFor(type);
    const { needs, changes } = rowOf(type);
    const isPossible = needs === undefined || fs[needs] !== undefined;
    return extension !== undefined && isPossible && isPermitted(type) && !(readOnly && changes === true)
      ? [extension]
      : [];
  });
}

/** Returns the row of a type. The caller passes it requests of this type, and a file system with the method that it needs. */
function rowOf(type: SftpRequestType): AnyRow {
  return REQUESTS[type] as AnyRow;
}

type AnyRow = Pick<Row<Request>, "changes" | "on"> & { readonly needs?: OptionalMethod } & Effect<Request, never>;
