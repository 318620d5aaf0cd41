import type { Bytes } from "./bytes.ts";
import { SshError } from "./errors.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

/** Reads and writes one field of a structure. */
export interface Field<T> {
  /** Reads the field. `name` names it in errors. */
  read(reader: Reader, name: string): T;
  /** Writes the field. */
  write(writer: Writer, value: T): void;
}

/** One byte: false if it is 0. */
export const boolean: Field<boolean> = { read: (r, n) => r.boolean(n), write: (w, v) => w.boolean(v) };
/** Four bytes, big-endian. */
export const uint32: Field<number> = { read: (r, n) => r.uint32(n), write: (w, v) => w.uint32(v) };
/** A length, then that many bytes. Reads as a view. */
export const string: Field<Uint8Array> = { read: (r, n) => r.string(n), write: (w, v) => w.string(v) };
/** A string that must be well-formed UTF-8. */
export const utf8: Field<string> = { read: (r, n) => r.utf8(n), write: (w, v) => w.string(v) };
/** A reason or remark for people, truncated to 1024 bytes. */
export const text: Field<string> = { read: (r, n) => r.text(n), write: (w, v) => w.string(v) };
/** A banner or prompt that a user reads to log in. Not truncated here: authentication limits the size of its messages. */
export const longText: Field<string> = { read: (r, n) => r.text(n, Infinity), write: (w, v) => w.string(v) };
/** A string of printable US-ASCII (RFC 4251 §6). */
export const name: Field<string> = { read: (r, n) => r.name(n), write: (w, v) => w.string(v) };
/** Names separated by commas (RFC 4251 §5). */
export const nameList: Field<readonly string[]> = { read: (r, n) => r.nameList(n), write: (w, v) => w.nameList(v) };
/** An integer of any length, in two's complement (RFC 4251 §5). */
export const mpint: Field<bigint> = { read: (r, n) => r.mpint(n), write: (w, v) => w.mpint(v) };
/**
 * An optional, purely informative field at the end of a message. Reads as `missing` if the peer omits or truncates it. Some peers do:
 * dev-tunnels sends no language tags.
 */
export function informing<T>(field: Field<T>, missing: T): Field<T> {
  return {
    read(reader: Reader, name: string): T {
      try {
        return field.read(reader, name);
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        reader.rest();
        return missing;
      }
    },
    write: (writer, value) => field.write(writer, value),
  };
}

/** The language tag after a text for people. Reads like {@link informing}, and ignores any bytes after it. */
export const languageTag: Field<string> = {
  read(reader: Reader, name: string): string {
    const tag = informing(text, "").read(reader, name);
    reader.rest();
    return tag;
  },
  write: (writer, value) => text.write(writer, value),
};

/** The remaining bytes, for another structure to decode. */
export const rest: Field<Uint8Array> = { read: (r) => r.rest(), write: (w, v) => w.raw(v) };
/** Exactly `length` bytes, without a length field. */
export const fixed = (length: number): Field<Uint8Array> => ({
  read: (r, n) => r.raw(length, n),
  write: (w, v) => w.raw(v),
});

/** A uint32 count and that many items of at least `minimum` bytes each. Checks the count against the remaining bytes first. */
export function counted<T>(minimum: number, item: Field<T>): Field<readonly T[]> {
  return {
    read(reader: Reader, field: string): readonly T[] {
      const count = reader.uint32(field);
      // rule: item-count
      if (count * minimum > reader.remaining)
        reader.fail(field, `declares ${count} items, but only ${reader.remaining} bytes left`);
      return Array.from({ length: count }, (_, i) => item.read(reader, `${field}[${i}]`));
    },
    write(writer: Writer, items: readonly T[]): void {
      writer.uint32(items.length);
      for (const one of items) item.write(writer, one);
    },
  };
}

/** A message without fields. */
export type Empty = Record<never, never>;

/** Codec for a sequence of fields: the type-specific part of a message, a key blob or a signature. */
export interface Structure<T> {
  /** Name of the structure, for error messages. */
  readonly name: string;
  /** Encodes a value into a new array. */
  encode(value: T): Bytes;
  /** Decodes a value, whose byte strings are views of `bytes`. Throws `malformed-message` if bytes are invalid or left over. */
  decode(bytes: Uint8Array): T;
}

/** Codec for the payload of one SSH message, including the message number in its first byte (RFC 4253 §6). */
export interface Message<T> extends Structure<T> {
  /** Message number: the first byte of the payload. */
  readonly number: number;
}

type Fields<T> = { readonly [K in keyof T]-?: Field<T[K]> };

/** Creates a codec for a structure. The order of `fields` is the order on the wire. */
export function structure<T extends object>(name: string, fields: Fields<T>): Structure<T> {
  return {
    name,
    encode: (value) => {
      const writer = new Writer();
      writeFields(writer, fields, value);
      return writer.finish();
    },
    decode: (bytes) => readFields(new Reader(bytes, name), fields),
  };
}

/** Creates a codec for a message: its number, then its fields. The order of `fields` is the order on the wire. */
export function message<T extends object>(number: number, name: string, fields: Fields<T>): Message<T> {
  return {
    number,
    name,
    encode: (value) => {
      const writer = new Writer().byte(number);
      writeFields(writer, fields, value);
      return writer.finish();
    },
    decode: (payload) => {
      const reader = new Reader(payload, name);
      if (reader.byte("message number") !== number) reader.fail("message number", `is not ${number}`);
      return readFields(reader, fields);
    },
  };
}

/** Decodes an informative message. Returns `undefined` instead of throwing if it is malformed, so that the caller can ignore it. */
export function decodeIfReadable<T>(codec: Pick<Structure<T>, "decode">, bytes: Uint8Array): T | undefined {
  try {
    return codec.decode(bytes);
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    return undefined;
  }
}

function writeFields<T extends object>(writer: Writer, fields: Fields<T>, value: T): void {
  for (const key in fields) fields[key].write(writer, value[key]);
}

function readFields<T extends object>(reader: Reader, fields: Fields<T>): T {
  const value: Partial<T> = {};
  for (const key in fields) value[key] = fields[key].read(reader, key);
  // rule: trailing-bytes
  reader.end();
  return value as T;
}
