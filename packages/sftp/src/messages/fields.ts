// Field types of SFTP messages that SSH's other messages lack. Values that the caller passes are checked when they are written.
import { Reader, SshError, type Structure, structure, Writer } from "@nacre/wire";
import type * as fields from "@nacre/wire/fields";

/** Codec of the fields of a packet. */
export interface Codec<T> extends Structure<T> {
  /** Writes the fields to `writer`. */
  write(writer: Writer, value: T): void;
}

/** Creates a codec. The order of `all` is the order on the wire. */
export function codec<T extends object>(
  name: string,
  all: { readonly [K in keyof T]-?: fields.Field<T[K]> },
): Codec<T> {
  return {
    ...structure(name, all),
    write(writer, value) {
      for (const key in all) all[key].write(writer, value[key]);
    },
  };
}

/** A field that selects the type of a request or reply. It is not on the wire. */
export function constant<T extends string>(value: T): fields.Field<T> {
  return { read: () => value, write: () => {} };
}

/** A uint32. Writing throws `usage` for another value. `what` names it in the error. */
export function uint32(what: string): fields.Field<number> {
  return {
    read: (reader, name) => reader.uint32(name),
    write(writer, value) {
      if (!(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff))
        throw new SshError("usage", `${what} must be an integer from 0 to 4294967295, got ${value}`);
      writer.uint32(value);
    },
  };
}

/** A uint64 as a bigint. Writing throws `usage` for another value. */
export function uint64(what: string): fields.Field<bigint> {
  return {
    read: (reader, name) => reader.uint64(name),
    write(writer, value) {
      if (typeof value !== "bigint" || value < 0n || value > 0xffff_ffff_ffff_ffffn)
        throw new SshError("usage", `${what} must be a bigint from 0 to 18446744073709551615, got ${value}`);
      writer.uint64(value);
    },
  };
}

/** A uint64 below 2^53 as a number: an offset or a length. */
export function offset(what: string): fields.Field<number> {
  return {
    read(reader, name) {
      const value = reader.uint32(name) * 0x1_0000_0000 + reader.uint32(name);
      if (value > Number.MAX_SAFE_INTEGER) reader.fail(name, "is 2^53 or more");
      return value;
    },
    write(writer, value) {
      if (!(Number.isSafeInteger(value) && value >= 0))
        throw new SshError("usage", `${what} must be an integer from 0 to 2^53 - 1, got ${value}`);
      writer.uint32(Math.floor(value / 0x1_0000_0000)).uint32(value % 0x1_0000_0000);
    },
  };
}

/** A path or name as bytes. Both sides refuse NUL, which ends a path in the system calls of most servers. */
export const path: fields.Field<Uint8Array> = {
  read(reader, name) {
    const bytes = reader.string(name);
    // rule: sftp-path-nul
    if (bytes.includes(0)) reader.fail(name, "contains NUL");
    return bytes;
  },
  write(writer, value) {
    if (value.includes(0)) throw new SshError("usage", "a path must not contain NUL");
    writer.string(value);
  },
};

/** Items one after another up to the end of the message. */
export function untilEnd<T>(item: fields.Field<T>): fields.Field<readonly T[]> {
  return {
    read(reader, name) {
      const items: T[] = [];
      while (reader.remaining > 0) items.push(item.read(reader, `${name}[${items.length}]`));
      return items;
    },
    write(writer, items) {
      for (const one of items) item.write(writer, one);
    },
  };
}

/** A string that consists of items one after another. */
export function packed<T>(item: fields.Field<T>): fields.Field<readonly T[]> {
  const items = untilEnd(item);
  return {
    read: (reader, name) => items.read(new Reader(reader.string(name), name), name),
    write(writer, values) {
      const inner = new Writer();
      items.write(inner, values);
      writer.string(inner.finish());
    },
  };
}
