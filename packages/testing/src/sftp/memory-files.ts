import {
  type Attributes,
  decodePath,
  encodePath,
  type NameEntry,
  type SftpServer,
  type SftpServerEvent,
  type SftpServerRequest,
  SSH_FX,
  SSH_FXF,
} from "@nacre/sftp";
import type { AskToken } from "@nacre/wire";

/** File or directory in memory. */
export interface Node {
  readonly kind: "file" | "directory" | "link";
  permissions: number;
  mtime: number;
  /** Content of a file, or target of a link. */
  content: Uint8Array;
}

/** Open file or directory. The value that `SftpServer` keeps for a handle. */
export interface OpenNode {
  readonly path: string;
  readonly node: Node;
  readonly flags: number;
  /** Names that "readdir" has not returned yet. */
  names: string[];
}

const MTIME = 1_700_000_000;

/**
 * Files in memory that answer an `SftpServer` at once, in order. Paths are absolute. Times are constant, so results are repeatable. A
 * test's peer, not a complete file system: links are not followed.
 */
export class MemoryFiles {
  readonly nodes = new Map<string, Node>([["/", node("directory", new Uint8Array(0))]]);
  /** Open files and directories. Empty when each was closed or released. */
  readonly open = new Set<OpenNode>();

  /** Adds a file. */
  file(path: string, content: Uint8Array): this {
    this.nodes.set(path, node("file", content));
    return this;
  }

  /** Handles one event of a server. */
  handle(server: SftpServer<OpenNode>, event: SftpServerEvent<OpenNode>): void {
    if (event.type === "release") this.open.delete(event.handle);
    if (event.type === "request") this.answer(server, event.token, event.request);
  }

  /** Answers one request. */
  answer(server: SftpServer<OpenNode>, token: AskToken, request: SftpServerRequest<OpenNode>): void {
    const ok = (): void => server.status(token, SSH_FX.OK);
    const fail = (status: number = SSH_FX.FAILURE): void => server.status(token, status);
    switch (request.type) {
      case "open": {
        const path = absolute(request.path);
        let found = this.nodes.get(path);
        const wanted = (flag: number): boolean => (request.flags & flag) !== 0;
        if (found === undefined && !wanted(SSH_FXF.CREAT)) return fail(SSH_FX.NO_SUCH_FILE);
        if (found !== undefined && (found.kind === "directory" || wanted(SSH_FXF.EXCL))) return fail();
        if (found === undefined || wanted(SSH_FXF.TRUNC)) {
          found = node("file", new Uint8Array(0));
          found.permissions = 0o100000 | (request.attributes.permissions ?? 0o644);
          this.nodes.set(path, found);
        }
        return server.handle(token, this.#opened({ path, node: found, flags: request.flags, names: [] }));
      }
      case "opendir": {
        const path = absolute(request.path);
        const found = this.nodes.get(path);
        if (found === undefined) return fail(SSH_FX.NO_SUCH_FILE);
        if (found.kind !== "directory") return fail();
        return server.handle(token, this.#opened({ path, node: found, flags: 0, names: this.#childrenOf(path) }));
      }
      case "close":
        this.open.delete(request.handle);
        return ok();
      case "read": {
        const bytes = request.handle.node.content.subarray(request.offset, request.offset + request.length);
        return bytes.length === 0 ? fail(SSH_FX.EOF) : server.data(token, bytes);
      }
      case "write": {
        const { node, flags } = request.handle;
        const offset = flags & SSH_FXF.APPEND ? node.content.length : request.offset;
        resize(node, Math.max(node.content.length, offset + request.data.length));
        node.content.set(request.data, offset);
        return ok();
      }
      case "readdir": {
        const { path, names } = request.handle;
        if (names.length === 0) return fail(SSH_FX.EOF);
        const entries = names.map((name) => this.#entry(path === "/" ? `/${name}` : `${path}/${name}`, name));
        request.handle.names = names.slice(server.names(token, entries));
        return;
      }
      case "stat":
      case "lstat": {
        const found = this.nodes.get(absolute(request.path));
        return found === undefined ? fail(SSH_FX.NO_SUCH_FILE) : server.attributes(token, attributesOf(found));
      }
      case "fstat":
        return server.attributes(token, attributesOf(request.handle.node));
      case "setstat":
      case "lsetstat": {
        const found = this.nodes.get(absolute(request.path));
        if (found === undefined) return fail(SSH_FX.NO_SUCH_FILE);
        change(found, request.attributes);
        return ok();
      }
      case "fsetstat":
        change(request.handle.node, request.attributes);
        return ok();
      case "remove":
      case "rmdir":
        return this.nodes.delete(absolute(request.path)) ? ok() : fail(SSH_FX.NO_SUCH_FILE);
      case "mkdir": {
        const path = absolute(request.path);
        if (this.nodes.has(path)) return fail();
        this.nodes.set(path, node("directory", new Uint8Array(0)));
        return ok();
      }
      case "realpath":
      case "expand-path":
        return server.name(token, encodePath(absolute(request.path)));
      case "rename":
      case "posix-rename":
      case "hardlink": {
        const [from, to] = [absolute(request.oldPath), absolute(request.newPath)];
        const found = this.nodes.get(from);
        if (found === undefined) return fail(SSH_FX.NO_SUCH_FILE);
        if (request.type !== "posix-rename" && this.nodes.has(to)) return fail();
        this.nodes.set(to, found);
        if (request.type !== "hardlink") this.nodes.delete(from);
        return ok();
      }
      case "readlink": {
        const found = this.nodes.get(absolute(request.path));
        return found?.kind === "link" ? server.name(token, found.content) : fail(SSH_FX.NO_SUCH_FILE);
      }
      case "symlink":
        this.nodes.set(absolute(request.linkPath), node("link", request.targetPath.slice()));
        return ok();
      case "fsync":
        return ok();
      case "copy-data": {
        const source = request.readHandle.node.content;
        const end = request.length === 0 ? source.length : request.readOffset + request.length;
        const bytes = source.slice(request.readOffset, end);
        const target = request.writeHandle.node;
        resize(target, Math.max(target.content.length, request.writeOffset + bytes.length));
        target.content.set(bytes, request.writeOffset);
        return ok();
      }
      case "statvfs":
      case "fstatvfs": {
        const counts = { blocks: 1000n, bfree: 500n, bavail: 400n, files: 100n, ffree: 50n, favail: 40n };
        return server.statvfs(token, {
          bsize: 4096n,
          frsize: 4096n,
          ...counts,
          fsid: 2n ** 63n,
          flag: 2n,
          namemax: 255n,
        });
      }
      case "home-directory":
        return server.name(token, encodePath(`/home/${request.userName}`));
      case "users-groups-by-id": {
        return server.usersGroups(token, { users: namesOf(request.uids), groups: namesOf(request.gids) });
      }
      case "extended":
        return server.extended(token, request.data);
    }
  }

  #opened(open: OpenNode): OpenNode {
    this.open.add(open);
    return open;
  }

  #childrenOf(path: string): string[] {
    const prefix = path === "/" ? path : `${path}/`;
    const paths = [...this.nodes.keys()].filter((one) => one.startsWith(prefix) && one !== path);
    return paths.map((one) => one.slice(prefix.length)).filter((name) => !name.includes("/"));
  }

  #entry(path: string, name: string): NameEntry {
    const filename = encodePath(name);
    return { filename, longname: filename, attributes: attributesOf(this.nodes.get(path)!) };
  }
}

function node(kind: Node["kind"], content: Uint8Array): Node {
  const permissions = { file: 0o100644, directory: 0o040755, link: 0o120777 }[kind];
  return { kind, permissions, mtime: MTIME, content };
}

function attributesOf({ content, permissions, mtime }: Node): Attributes {
  return { size: BigInt(content.length), owner: { uid: 0, gid: 0 }, permissions, times: { atime: mtime, mtime } };
}

function change(node: Node, { size, permissions, times }: Attributes): void {
  if (size !== undefined) resize(node, Number(size));
  if (permissions !== undefined) node.permissions = (node.permissions & 0o170000) | (permissions & 0o7777);
  if (times !== undefined) node.mtime = times.mtime;
}

function resize(node: Node, length: number): void {
  if (node.content.length === length) return;
  const content = new Uint8Array(length);
  content.set(node.content.subarray(0, length));
  node.content = content;
}

/** Returns the name of each id; only 0 has one. */
function namesOf(ids: readonly number[]): string[] {
  return ids.map((id) => (id === 0 ? "root" : ""));
}

/** Returns a path from "/", without "." and "..". */
function absolute(path: Uint8Array): string {
  const parts: string[] = [];
  for (const part of decodePath(path).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
