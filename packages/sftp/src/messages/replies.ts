import * as fields from "@nacre/wire/fields";
import { type Attributes, attributes } from "./attributes.ts";
import type { StatedLimits, StatVfs, UsersGroups } from "./extensions.ts";
import { type Codec, codec, constant, path, uint32 } from "./fields.ts";
import { MAX_HANDLE_LENGTH } from "./limits.ts";

/** Outcome of a request (SSH_FXP_STATUS, draft-ietf-secsh-filexfer-02 §7). */
export interface StatusReply {
  readonly type: "status";
  /** Status code; see `SSH_FX`. Servers may send others. */
  readonly status: number;
  /** Message, truncated to 1024 bytes; empty if the server sent none. Raw text from the server: escape it before display. */
  readonly message: string;
  /** Language of the message (RFC 3066); mostly empty. */
  readonly languageTag: string;
}

/** An opened file or directory (SSH_FXP_HANDLE, §6.2). */
export interface HandleReply {
  readonly type: "handle";
  /** Opaque bytes, at most 256. */
  readonly handle: Uint8Array;
}

/** Bytes of a file (SSH_FXP_DATA, §7). */
export interface DataReply {
  readonly type: "data";
  /** The bytes. */
  readonly data: Uint8Array;
}

/** One entry of SSH_FXP_NAME. */
export interface NameEntry {
  /** Name within a directory, or a whole path. Any bytes except NUL. */
  readonly filename: Uint8Array;
  /** Line for people, as `ls -l` prints it. Any bytes. */
  readonly longname: Uint8Array;
  /** Attributes that the server knows. */
  readonly attributes: Attributes;
}

/** Names (SSH_FXP_NAME, §7). */
export interface NamesReply {
  readonly type: "names";
  /** Names, in the order of the server. */
  readonly names: readonly NameEntry[];
}

/** Attributes of a file (SSH_FXP_ATTRS, §7). */
export interface AttributesReply {
  readonly type: "attributes";
  /** Attributes that the server knows. */
  readonly attributes: Attributes;
}

/** Reply to "statvfs" and "fstatvfs". */
export interface StatvfsReply {
  readonly type: "statvfs";
  /** Facts about the file system. */
  readonly statvfs: StatVfs;
}

/** Reply to "limits". */
export interface LimitsReply {
  readonly type: "limits";
  /** Limits as the server states them. */
  readonly limits: StatedLimits;
}

/** Reply to "users-groups-by-id". */
export interface UsersGroupsReply extends UsersGroups {
  readonly type: "users-groups";
}

/** Reply to an extended request without a codec here (SSH_FXP_EXTENDED_REPLY, §8). */
export interface ExtendedReply {
  readonly type: "extended";
  /** Fields of the reply, defined by the extension. */
  readonly data: Uint8Array;
}

/** Minimum length of an entry of SSH_FXP_NAME in bytes. */
const MIN_NAME_ENTRY = 12;

/** A handle of at most 256 bytes. */
const handle: fields.Field<Uint8Array> = {
  read(reader, name) {
    const bytes = reader.string(name);
    // rule: sftp-handle-length
    if (bytes.length > MAX_HANDLE_LENGTH)
      reader.fail(name, `has ${bytes.length} bytes; the limit is ${MAX_HANDLE_LENGTH}`);
    return bytes;
  },
  write: (writer, value) => writer.string(value),
};

const entry: fields.Field<NameEntry> = {
  read: (reader, name) => ({
    filename: path.read(reader, `${name}.filename`),
    longname: reader.string(`${name}.longname`),
    attributes: attributes.read(reader, `${name}.attributes`),
  }),
  write(writer, value) {
    path.write(writer, value.filename);
    writer.string(value.longname);
    attributes.write(writer, value.attributes);
  },
};

export const status: Codec<StatusReply> = codec("SSH_FXP_STATUS", {
  type: constant("status"),
  status: uint32("status"),
  message: fields.informing(fields.text, ""),
  languageTag: fields.languageTag,
});
export const handleReply: Codec<HandleReply> = codec("SSH_FXP_HANDLE", { type: constant("handle"), handle });
export const data: Codec<DataReply> = codec("SSH_FXP_DATA", { type: constant("data"), data: fields.string });
export const names: Codec<NamesReply> = codec("SSH_FXP_NAME", {
  type: constant("names"),
  names: fields.counted(MIN_NAME_ENTRY, entry),
});
export const attrs: Codec<AttributesReply> = codec("SSH_FXP_ATTRS", {
  type: constant("attributes"),
  attributes,
});
