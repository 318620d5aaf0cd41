import * as fields from "@nacre/wire/fields";
import { type Attributes, attributes } from "./attributes.ts";
import { type Codec, codec, constant, offset, packed, path, uint32, uint64 } from "./fields.ts";

/** An extension of SFTP, as a server announces it in SSH_FXP_VERSION (OpenSSH PROTOCOL §4.2). */
export interface SftpExtension {
  /** Name, such as `"fsync@openssh.com"`. */
  readonly name: string;
  /** Data, defined by the extension: mostly a version number as text. */
  readonly data: string;
}

/** Our names of OpenSSH's extensions. */
export type SftpExtensionName =
  | "posixRename"
  | "statvfs"
  | "fstatvfs"
  | "hardlink"
  | "fsync"
  | "lsetstat"
  | "limits"
  | "expandPath"
  | "copyData"
  | "homeDirectory"
  | "usersGroupsById";

/** OpenSSH's extensions, with the version that `SftpClient` and `SftpServer` implement. */
export const SFTP_EXTENSIONS: Readonly<Record<SftpExtensionName, SftpExtension>> = {
  posixRename: { name: "posix-rename@openssh.com", data: "1" },
  statvfs: { name: "statvfs@openssh.com", data: "2" },
  fstatvfs: { name: "fstatvfs@openssh.com", data: "2" },
  hardlink: { name: "hardlink@openssh.com", data: "1" },
  fsync: { name: "fsync@openssh.com", data: "1" },
  lsetstat: { name: "lsetstat@openssh.com", data: "1" },
  limits: { name: "limits@openssh.com", data: "1" },
  expandPath: { name: "expand-path@openssh.com", data: "1" },
  copyData: { name: "copy-data", data: "1" },
  homeDirectory: { name: "home-directory", data: "1" },
  usersGroupsById: { name: "users-groups-by-id@openssh.com", data: "1" },
};

/** Renames a file and atomically replaces an existing one (posix-rename@openssh.com, PROTOCOL §4.3). Reply: status. */
export interface PosixRenameRequest {
  readonly type: "posix-rename";
  /** Existing path. */
  readonly oldPath: Uint8Array;
  /** New path. */
  readonly newPath: Uint8Array;
}

/** Requests facts about the file system of a path (statvfs@openssh.com, PROTOCOL §4.4). Reply: statvfs. */
export interface StatvfsRequest {
  readonly type: "statvfs";
  /** Path, in any bytes except NUL. */
  readonly path: Uint8Array;
}

/** Requests facts about the file system of an open file (fstatvfs@openssh.com, PROTOCOL §4.4). Reply: statvfs. */
export interface FstatvfsRequest<Handle> {
  readonly type: "fstatvfs";
  /** Open file or directory. */
  readonly handle: Handle;
}

/** Creates a hard link (hardlink@openssh.com, PROTOCOL §4.5). Reply: status. */
export interface HardlinkRequest {
  readonly type: "hardlink";
  /** Existing path. */
  readonly oldPath: Uint8Array;
  /** New path. */
  readonly newPath: Uint8Array;
}

/** Writes a file's data to the disk (fsync@openssh.com, PROTOCOL §4.6). Reply: status. */
export interface FsyncRequest<Handle> {
  readonly type: "fsync";
  /** Open file or directory. */
  readonly handle: Handle;
}

/** Changes attributes like "setstat", but of a symbolic link itself (lsetstat@openssh.com, PROTOCOL §4.7). Reply: status. */
export interface LsetstatRequest {
  readonly type: "lsetstat";
  /** Path, in any bytes except NUL. */
  readonly path: Uint8Array;
  /** Attributes to set; missing ones stay unchanged. */
  readonly attributes: Attributes;
}

/** Requests the server's limits (limits@openssh.com, PROTOCOL §4.8). Both machines handle it themselves. Reply: limits. */
export interface LimitsRequest {
  readonly type: "limits";
}

/** Like "realpath", and expands `~` and `~user` (expand-path@openssh.com, PROTOCOL §4.9). Reply: one name. */
export interface ExpandPathRequest {
  readonly type: "expand-path";
  /** Path, in any bytes except NUL. */
  readonly path: Uint8Array;
}

/** Copies bytes between two open files on the server (copy-data, PROTOCOL §4.10). Reply: status. */
export interface CopyDataRequest<Handle> {
  readonly type: "copy-data";
  /** File to read. */
  readonly readHandle: Handle;
  /** Position of the first byte to read. */
  readonly readOffset: number;
  /** Number of bytes; 0 copies up to the end of the file. */
  readonly length: number;
  /** File to write. */
  readonly writeHandle: Handle;
  /** Position of the first byte to write. */
  readonly writeOffset: number;
}

/** Requests a user's home directory (home-directory, PROTOCOL §4.11). Reply: one name. */
export interface HomeDirectoryRequest {
  readonly type: "home-directory";
  /** User name; empty for the user of the connection. */
  readonly userName: string;
}

/** Requests names for user and group ids (users-groups-by-id@openssh.com, PROTOCOL §4.12). Reply: users-groups. */
export interface UsersGroupsByIdRequest {
  readonly type: "users-groups-by-id";
  /** User ids. */
  readonly uids: readonly number[];
  /** Group ids. */
  readonly gids: readonly number[];
}

/** An extended request without a codec here (SSH_FXP_EXTENDED, draft-ietf-secsh-filexfer-02 §8). Reply: extended or status. */
export interface ExtendedRequest {
  readonly type: "extended";
  /** Name of the extension in the form `name@domain`. */
  readonly name: string;
  /** Fields of the request, defined by the extension. */
  readonly data: Uint8Array;
}

export const posixRename: Codec<PosixRenameRequest> = codec("posix-rename@openssh.com", {
  type: constant("posix-rename"),
  oldPath: path,
  newPath: path,
});
export const statvfs: Codec<StatvfsRequest> = codec("statvfs@openssh.com", { type: constant("statvfs"), path });
export const fstatvfs: Codec<FstatvfsRequest<Uint8Array>> = codec("fstatvfs@openssh.com", {
  type: constant("fstatvfs"),
  handle: fields.string,
});
export const hardlink: Codec<HardlinkRequest> = codec("hardlink@openssh.com", {
  type: constant("hardlink"),
  oldPath: path,
  newPath: path,
});
export const fsync: Codec<FsyncRequest<Uint8Array>> = codec("fsync@openssh.com", {
  type: constant("fsync"),
  handle: fields.string,
});
export const lsetstat: Codec<LsetstatRequest> = codec("lsetstat@openssh.com", {
  type: constant("lsetstat"),
  path,
  attributes,
});
export const limits: Codec<LimitsRequest> = codec("limits@openssh.com", { type: constant("limits") });
export const expandPath: Codec<ExpandPathRequest> = codec("expand-path@openssh.com", {
  type: constant("expand-path"),
  path,
});
export const copyData: Codec<CopyDataRequest<Uint8Array>> = codec("copy-data", {
  type: constant("copy-data"),
  readHandle: fields.string,
  readOffset: offset("readOffset"),
  length: offset("length"),
  writeHandle: fields.string,
  writeOffset: offset("writeOffset"),
});
export const homeDirectory: Codec<HomeDirectoryRequest> = codec("home-directory", {
  type: constant("home-directory"),
  userName: fields.utf8,
});
export const usersGroupsById: Codec<UsersGroupsByIdRequest> = codec("users-groups-by-id@openssh.com", {
  type: constant("users-groups-by-id"),
  uids: packed(uint32("uid")),
  gids: packed(uint32("gid")),
});
export const extended: Codec<ExtendedRequest> = codec("SSH_FXP_EXTENDED", {
  type: constant("extended"),
  name: fields.name,
  data: fields.rest,
});

/** Facts about a file system, as POSIX's `statvfs` returns them (OpenSSH PROTOCOL §4.4). */
export interface StatVfs {
  /** File system block size in bytes. */
  readonly bsize: bigint;
  /** Fundamental block size in bytes: the unit of `blocks`, `bfree` and `bavail`. */
  readonly frsize: bigint;
  /** Number of blocks. */
  readonly blocks: bigint;
  /** Number of free blocks. */
  readonly bfree: bigint;
  /** Number of free blocks available to users other than root. */
  readonly bavail: bigint;
  /** Number of inodes. */
  readonly files: bigint;
  /** Number of free inodes. */
  readonly ffree: bigint;
  /** Number of free inodes available to users other than root. */
  readonly favail: bigint;
  /** Id of the file system. */
  readonly fsid: bigint;
  /** Combination of `SSH_FXE_STATVFS` bits. */
  readonly flag: bigint;
  /** Maximum length of a name in bytes. */
  readonly namemax: bigint;
}

/** Data of the reply to "statvfs" and "fstatvfs". */
export const statVfs: Codec<StatVfs> = codec("statvfs reply", {
  bsize: uint64("bsize"),
  frsize: uint64("frsize"),
  blocks: uint64("blocks"),
  bfree: uint64("bfree"),
  bavail: uint64("bavail"),
  files: uint64("files"),
  ffree: uint64("ffree"),
  favail: uint64("favail"),
  fsid: uint64("fsid"),
  flag: uint64("flag"),
  namemax: uint64("namemax"),
});

/** Limits of a server as it states them; 0 is unlimited or unknown (OpenSSH PROTOCOL §4.8). */
export interface StatedLimits {
  /** Length of a packet in bytes. */
  readonly maxPacketLength: bigint;
  /** Length of a read in bytes. */
  readonly maxReadLength: bigint;
  /** Length of a write in bytes. */
  readonly maxWriteLength: bigint;
  /** Number of open handles. */
  readonly maxOpenHandles: bigint;
}

/** Data of the reply to "limits". */
export const statedLimits: Codec<StatedLimits> = codec("limits reply", {
  maxPacketLength: uint64("maxPacketLength"),
  maxReadLength: uint64("maxReadLength"),
  maxWriteLength: uint64("maxWriteLength"),
  maxOpenHandles: uint64("maxOpenHandles"),
});

/** Names of users and groups, in the order of the ids in the request (OpenSSH PROTOCOL §4.12). */
export interface UsersGroups {
  /** User names; empty for an unknown id. Raw text from the server: escape it before display. */
  readonly users: readonly string[];
  /** Group names; empty for an unknown id. Raw text from the server: escape it before display. */
  readonly groups: readonly string[];
}

/** Data of the reply to "users-groups-by-id". */
export const usersGroups: Codec<UsersGroups> = codec("users-groups-by-id reply", {
  users: packed(fields.text),
  groups: packed(fields.text),
});
