/// <reference types="node" />

import { Readable, ReadableOptions, Writable, WritableOptions } from "stream";
import { Callback } from "./channel";

/** Flags with which a file is opened, as of `fs.open`. */
export type OpenMode = "r" | "r+" | "w" | "wx" | "xw" | "w+" | "xw+" | "a" | "ax" | "xa" | "a+" | "ax+" | "xa+";

/** Attributes to set. Times are dates, or seconds since 1970. */
export interface InputAttributes {
  mode?: number | string;
  uid?: number;
  gid?: number;
  size?: number;
  atime?: number | Date;
  mtime?: number | Date;
}

/** Attributes of a file. Times are seconds since 1970. */
export interface Attributes {
  mode: number;
  uid: number;
  gid: number;
  size: number;
  atime: number;
  mtime: number;
}

export interface Stats extends Attributes {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isBlockDevice(): boolean;
  isCharacterDevice(): boolean;
  isFIFO(): boolean;
  isSocket(): boolean;
}

export interface FileEntry {
  filename: string;
  /** A line as of `ls -l`. */
  longname: string;
  attrs: Attributes;
}

export interface FileEntryWithStats extends Omit<FileEntry, "attrs"> {
  attrs: Stats;
}

export interface TransferOptions {
  /** Number of requests in flight. Default: chosen for the path, at most 16 MiB in flight (64 if `chunkSize` is set). */
  concurrency?: number;
  /** Length of a request in bytes. Default: the server's maximum (32 KiB if `concurrency` is set); `step` then reports every 32 KiB. */
  chunkSize?: number;
  /** Size of the file in bytes; default the source's size. */
  fileSize?: number;
  /** Called for each chunk with the bytes so far, of this chunk, and of the file. */
  step?: (total: number, nb: number, fsize: number) => void;
  /** Mode of the file that is written. */
  mode?: number | string;
}

export interface ReadFileOptions {
  encoding?: BufferEncoding;
  /** Default "r". */
  flag?: string;
}

export interface WriteFileOptions {
  encoding?: BufferEncoding;
  /** Default 0o666. */
  mode?: number;
  /** Default "w", or "a" for `appendFile`. */
  flag?: string;
}

export interface ReadStreamOptions extends ReadableOptions {
  flags?: OpenMode;
  mode?: number;
  /** First and last position in bytes. */
  start?: number;
  end?: number;
  /** Whether the file is closed at the end; default true. */
  autoClose?: boolean;
  /** An open file, in place of the path. */
  handle?: Buffer;
}

export interface WriteStreamOptions extends WritableOptions {
  flags?: OpenMode;
  mode?: number;
  /** First position in bytes. */
  start?: number;
  autoClose?: boolean;
  /** An open file, in place of the path. */
  handle?: Buffer;
  encoding?: BufferEncoding;
}

export interface ReadStream extends Readable {
  /** Whether the file is not yet open. */
  pending: boolean;
  open(): void;
  close(cb: Callback): void;
  on(eventName: "ready", listener: () => void): this;
  on(eventName: "open", listener: (handle: Buffer) => void): this;
  on(event: string | symbol, listener: Function): this;
  once(eventName: "ready", listener: () => void): this;
  once(eventName: "open", listener: (handle: Buffer) => void): this;
  once(event: string | symbol, listener: Function): this;
}

export interface WriteStream extends Writable {
  /** Whether the file is not yet open. */
  pending: boolean;
  open(): void;
  close(cb: Callback): void;
  destroy(): this;
  on(eventName: "ready", listener: () => void): this;
  on(eventName: "open", listener: (handle: Buffer) => void): this;
  on(event: string | symbol, listener: Function): this;
  once(eventName: "ready", listener: () => void): this;
  once(eventName: "open", listener: (handle: Buffer) => void): this;
  once(event: string | symbol, listener: Function): this;
}
