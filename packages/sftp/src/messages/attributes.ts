import * as fields from "@nacre/wire/fields";
import { uint32, uint64 } from "./fields.ts";

/** Owner and group of a file. */
export interface Owner {
  /** User id. */
  readonly uid: number;
  /** Group id. */
  readonly gid: number;
}

/** Times of a file, in seconds since 1970-01-01 UTC. */
export interface Times {
  /** Time of the last access. */
  readonly atime: number;
  /** Time of the last modification. */
  readonly mtime: number;
}

/** A vendor's own attribute (draft-ietf-secsh-filexfer-02 §5). */
export interface ExtendedAttribute {
  /** Name in the form `name@domain`. */
  readonly type: Uint8Array;
  /** Value, defined by the vendor. */
  readonly data: Uint8Array;
}

/** Attributes of a file (draft-ietf-secsh-filexfer-02 §5). Missing ones are unknown in a reply and unchanged by a request. */
export interface Attributes {
  /** Size in bytes. A bigint, because a sparse file may be larger than 2^53 bytes. */
  readonly size?: bigint | undefined;
  /** Owner and group. The protocol carries both or neither. */
  readonly owner?: Owner | undefined;
  /** File type and permission bits, as POSIX's `st_mode`. */
  readonly permissions?: number | undefined;
  /** Times of last access and modification. The protocol carries both or neither. */
  readonly times?: Times | undefined;
  /** Attributes of vendors; a peer that sends more than 256 violates the protocol. */
  readonly extended?: readonly ExtendedAttribute[] | undefined;
}

const SIZE = 0x1;
const UIDGID = 0x2;
const PERMISSIONS = 0x4;
const ACMODTIME = 0x8;
const EXTENDED = 0x8000_0000;

const size = uint64("size");
const uid = uint32("uid");
const gid = uint32("gid");
const permissions = uint32("permissions");
const atime = uint32("atime");
const mtime = uint32("mtime");

/** Maximum number of attributes of vendors. One takes as few as 8 bytes on the wire, but about 250 in memory. */
const MAX_EXTENDED = 256;

const extendedPairs: fields.Field<readonly ExtendedAttribute[]> = {
  read(reader, name) {
    const count = reader.uint32(name);
    // rule: sftp-extended-count
    if (count > MAX_EXTENDED) reader.fail(name, `has ${count} items; the limit is ${MAX_EXTENDED}`);
    const pairs: ExtendedAttribute[] = [];
    while (pairs.length < count)
      pairs.push({ type: reader.string(`${name}.type`), data: reader.string(`${name}.data`) });
    return pairs;
  },
  write(writer, pairs) {
    writer.uint32(pairs.length);
    for (const { type, data } of pairs) writer.string(type).string(data);
  },
};

/** Reads and writes ATTRS. Unknown flags are ignored, as in OpenSSH. */
export const attributes: fields.Field<Attributes> = {
  read(reader, name) {
    const flags = reader.uint32(`${name}.flags`);
    return {
      size: flags & SIZE ? size.read(reader, `${name}.size`) : undefined,
      owner:
        flags & UIDGID ? { uid: uid.read(reader, `${name}.uid`), gid: gid.read(reader, `${name}.gid`) } : undefined,
      permissions: flags & PERMISSIONS ? permissions.read(reader, `${name}.permissions`) : undefined,
      times:
        flags & ACMODTIME
          ? { atime: atime.read(reader, `${name}.atime`), mtime: mtime.read(reader, `${name}.mtime`) }
          : undefined,
      extended: flags & EXTENDED ? extendedPairs.read(reader, `${name}.extended`) : undefined,
    };
  },
  write(writer, value) {
    writer.uint32(flagsOf(value));
    if (value.size !== undefined) size.write(writer, value.size);
    if (value.owner !== undefined) {
      uid.write(writer, value.owner.uid);
      gid.write(writer, value.owner.gid);
    }
    if (value.permissions !== undefined) permissions.write(writer, value.permissions);
    if (value.times !== undefined) {
      atime.write(writer, value.times.atime);
      mtime.write(writer, value.times.mtime);
    }
    if (value.extended !== undefined) extendedPairs.write(writer, value.extended);
  },
};

/** Returns the length of encoded ATTRS in bytes. */
export function attributesLength(value: Attributes): number {
  let length = 4;
  if (value.size !== undefined) length += 8;
  if (value.owner !== undefined) length += 8;
  if (value.permissions !== undefined) length += 4;
  if (value.times !== undefined) length += 8;
  if (value.extended === undefined) return length;
  for (const { type, data } of value.extended) length += 8 + type.length + data.length;
  return length + 4;
}

function flagsOf(value: Attributes): number {
  return (
    ((value.size === undefined ? 0 : SIZE) |
      (value.owner === undefined ? 0 : UIDGID) |
      (value.permissions === undefined ? 0 : PERMISSIONS) |
      (value.times === undefined ? 0 : ACMODTIME) |
      (value.extended === undefined ? 0 : EXTENDED)) >>>
    0
  );
}
