import * as fields from "@nacre/wire/fields";
import { type Attributes, attributes } from "./attributes.ts";
import { type Codec, codec, constant, offset, path, uint32 } from "./fields.ts";

// `Handle` is the type of open files and directories: opaque bytes on the wire, and the application's own value in a server's events.

/** Opens or creates a file (SSH_FXP_OPEN, draft-ietf-secsh-filexfer-02 §6.3). Reply: handle. */
export interface OpenRequest {
  readonly type: "open";
  /** Path, in any bytes except NUL. */
  readonly path: Uint8Array;
  /** Combination of `SSH_FXF` flags. */
  readonly flags: number;
  /** Attributes of a new file, such as its permissions. */
  readonly attributes: Attributes;
}

/** Closes a handle (SSH_FXP_CLOSE, §6.3). The handle is invalid from then on, even if the status is an error. Reply: status. */
export interface CloseRequest<Handle> {
  readonly type: "close";
  /** Open file or directory. */
  readonly handle: Handle;
}

/** Reads from a file (SSH_FXP_READ, §6.4). Reply: data, at least one byte and at most `length`, or the status EOF. */
export interface ReadRequest<Handle> {
  readonly type: "read";
  /** Open file or directory. */
  readonly handle: Handle;
  /** Position of the first byte in the file. */
  readonly offset: number;
  /** Maximum number of bytes. */
  readonly length: number;
}

/** Writes to a file (SSH_FXP_WRITE, §6.4). Reply: status. */
export interface WriteRequest<Handle> {
  readonly type: "write";
  /** Open file or directory. */
  readonly handle: Handle;
  /** Position of the first byte in the file. A file opened with `SSH_FXF.APPEND` ignores it. */
  readonly offset: number;
  /** Bytes to write. */
  readonly data: Uint8Array;
}

/** Requests attributes by path (§6.8). "stat" follows a symbolic link, "lstat" returns those of the link. Reply: attributes. */
export interface StatRequest {
  readonly type: "stat" | "lstat";
  /** Path, in any bytes except NUL. */
  readonly path: Uint8Array;
}

/** Requests attributes of an open file (SSH_FXP_FSTAT, §6.8). Reply: attributes. */
export interface FstatRequest<Handle> {
  readonly type: "fstat";
  /** Open file or directory. */
  readonly handle: Handle;
}

/** Changes attributes by path, following symbolic links (SSH_FXP_SETSTAT, §6.9). A size truncates or extends. Reply: status. */
export interface SetstatRequest {
  readonly type: "setstat";
  /** Path, in any bytes except NUL. */
  readonly path: Uint8Array;
  /** Attributes to set; missing ones stay unchanged. */
  readonly attributes: Attributes;
}

/** Changes attributes of an open file (SSH_FXP_FSETSTAT, §6.9). Reply: status. */
export interface FsetstatRequest<Handle> {
  readonly type: "fsetstat";
  /** Open file or directory. */
  readonly handle: Handle;
  /** Attributes to set; missing ones stay unchanged. */
  readonly attributes: Attributes;
}

/** Opens a directory for listing (SSH_FXP_OPENDIR, §6.7). Reply: handle. */
export interface OpendirRequest {
  readonly type: "opendir";
  /** Path, in any bytes except NUL. */
  readonly path: Uint8Array;
}

/** Reads the next names of a directory (SSH_FXP_READDIR, §6.7). Reply: names, at least one, or the status EOF. */
export interface ReaddirRequest<Handle> {
  readonly type: "readdir";
  /** Open file or directory. */
  readonly handle: Handle;
}

/** Removes a file (SSH_FXP_REMOVE, §6.5) or an empty directory (SSH_FXP_RMDIR, §6.6). Reply: status. */
export interface RemoveRequest {
  readonly type: "remove" | "rmdir";
  /** Path, in any bytes except NUL. */
  readonly path: Uint8Array;
}

/** Creates a directory (SSH_FXP_MKDIR, §6.6). Reply: status. */
export interface MkdirRequest {
  readonly type: "mkdir";
  /** Path, in any bytes except NUL. */
  readonly path: Uint8Array;
  /** Attributes of the new directory, such as its permissions. */
  readonly attributes: Attributes;
}

/** Requests the absolute path without "." and ".." (SSH_FXP_REALPATH, §6.11). Reply: one name. */
export interface RealpathRequest {
  readonly type: "realpath";
  /** Path, in any bytes except NUL. */
  readonly path: Uint8Array;
}

/** Renames a file (SSH_FXP_RENAME, §6.5). Fails if the new path exists; compare "posix-rename". Reply: status. */
export interface RenameRequest {
  readonly type: "rename";
  /** Existing path. */
  readonly oldPath: Uint8Array;
  /** New path. */
  readonly newPath: Uint8Array;
}

/** Requests the target of a symbolic link (SSH_FXP_READLINK, §6.10). Reply: one name. */
export interface ReadlinkRequest {
  readonly type: "readlink";
  /** Path, in any bytes except NUL. */
  readonly path: Uint8Array;
}

/**
 * Creates a symbolic link (SSH_FXP_SYMLINK, §6.10). The target is sent first, as OpenSSH and most others do, against the draft (OpenSSH
 * PROTOCOL §4.1). Reply: status.
 */
export interface SymlinkRequest {
  readonly type: "symlink";
  /** Path that the link contains. */
  readonly targetPath: Uint8Array;
  /** Path of the new link. */
  readonly linkPath: Uint8Array;
}

export const open: Codec<OpenRequest> = codec("SSH_FXP_OPEN", {
  type: constant("open"),
  path,
  flags: uint32("flags"),
  attributes,
});
export const close: Codec<CloseRequest<Uint8Array>> = onHandle("SSH_FXP_CLOSE", "close");
export const read: Codec<ReadRequest<Uint8Array>> = codec("SSH_FXP_READ", {
  type: constant("read"),
  handle: fields.string,
  offset: offset("offset"),
  length: uint32("length"),
});
export const write: Codec<WriteRequest<Uint8Array>> = codec("SSH_FXP_WRITE", {
  type: constant("write"),
  handle: fields.string,
  offset: offset("offset"),
  data: fields.string,
});
export const lstat: Codec<StatRequest> = onPath("SSH_FXP_LSTAT", "lstat");
export const fstat: Codec<FstatRequest<Uint8Array>> = onHandle("SSH_FXP_FSTAT", "fstat");
export const setstat: Codec<SetstatRequest> = codec("SSH_FXP_SETSTAT", {
  type: constant("setstat"),
  path,
  attributes,
});
export const fsetstat: Codec<FsetstatRequest<Uint8Array>> = codec("SSH_FXP_FSETSTAT", {
  type: constant("fsetstat"),
  handle: fields.string,
  attributes,
});
export const opendir: Codec<OpendirRequest> = onPath("SSH_FXP_OPENDIR", "opendir");
export const readdir: Codec<ReaddirRequest<Uint8Array>> = onHandle("SSH_FXP_READDIR", "readdir");
export const remove: Codec<RemoveRequest> = onPath("SSH_FXP_REMOVE", "remove");
export const mkdir: Codec<MkdirRequest> = codec("SSH_FXP_MKDIR", { type: constant("mkdir"), path, attributes });
export const rmdir: Codec<RemoveRequest> = onPath("SSH_FXP_RMDIR", "rmdir");
export const realpath: Codec<RealpathRequest> = onPath("SSH_FXP_REALPATH", "realpath");
export const stat: Codec<StatRequest> = onPath("SSH_FXP_STAT", "stat");
export const rename: Codec<RenameRequest> = codec("SSH_FXP_RENAME", {
  type: constant("rename"),
  oldPath: path,
  newPath: path,
});
export const readlink: Codec<ReadlinkRequest> = onPath("SSH_FXP_READLINK", "readlink");
export const symlink: Codec<SymlinkRequest> = codec("SSH_FXP_SYMLINK", {
  type: constant("symlink"),
  targetPath: path,
  linkPath: path,
});

function onPath<Type extends string>(
  name: string,
  type: Type,
): Codec<{ readonly type: Type; readonly path: Uint8Array }> {
  return codec<{ readonly type: Type; readonly path: Uint8Array }>(name, { type: constant(type), path });
}

function onHandle<Type extends string>(
  name: string,
  type: Type,
): Codec<{ readonly type: Type; readonly handle: Uint8Array }> {
  return codec<{ readonly type: Type; readonly handle: Uint8Array }>(name, {
    type: constant(type),
    handle: fields.string,
  });
}
