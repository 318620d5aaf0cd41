import type { NameEntry, SftpReply } from "@nacre/sftp";
import { ssh2Error } from "../errors.ts";
import { attributesFromSsh2, type InputAttributes } from "../sftp/attributes.ts";

/** Greatest length of a handle in bytes (draft-ietf-secsh-filexfer-02 §6.2). */
const MAX_HANDLE = 256;
/** Greatest status of SFTP version 3. */
const MAX_STATUS = 8;

/** An entry of a directory, or the one name of "REALPATH" and "READLINK". */
export interface SftpName {
  readonly filename: string;
  /** Line for people, as `ls -l` prints it. */
  readonly longname?: string;
  readonly attrs?: InputAttributes;
}

/** Returns the reply of `handle`. Throws ssh2's error for another value than a Buffer, and for one that is too long. */
export function handleReply(handle: unknown): SftpReply {
  if (!Buffer.isBuffer(handle)) throw ssh2Error("handle is not a Buffer");
  if (handle.length > MAX_HANDLE) throw ssh2Error("handle too large (> 256 bytes)");
  return { type: "handle", handle };
}

/** Returns the reply of `status`. Throws ssh2's error for an unknown code. */
export function statusReply(status: unknown, message: unknown): SftpReply {
  const isStatus = typeof status === "number" && Number.isInteger(status) && status >= 0 && status <= MAX_STATUS;
  if (!isStatus) throw ssh2Error(`Bad status code: ${String(status)}`);
  return { type: "status", status, message: typeof message === "string" ? message : "", languageTag: "" };
}

/** Returns the reply of `data`. Throws ssh2's error for another value than a Buffer or text. */
export function dataReply(data: unknown, encoding: BufferEncoding | undefined): SftpReply {
  if (Buffer.isBuffer(data)) return { type: "data", data };
  if (typeof data !== "string") throw ssh2Error("data is not a Buffer or string");
  return { type: "data", data: Buffer.from(data, encoding || "utf8") };
}

/** Returns the reply of `name`. Throws ssh2's error for another value than an entry or a list of them. */
export function namesReply(names: unknown): SftpReply {
  if (Array.isArray(names)) return { type: "names", names: names.map(nameEntry) };
  if (typeof names !== "object" || names === null) throw ssh2Error("names is not an object or array");
  return { type: "names", names: [nameEntry(names)] };
}

/** Returns the reply of `attrs`. Throws ssh2's error for another value than an object. */
export function attributesReply(attributes: unknown): SftpReply {
  if (typeof attributes !== "object" || attributes === null) throw ssh2Error("attrs is not an object");
  return { type: "attributes", attributes: attributesFromSsh2(attributes) };
}

function nameEntry(name: Partial<SftpName> | undefined): NameEntry {
  const { filename, longname, attrs } = name ?? {};
  return { filename: utf8(filename), longname: utf8(longname), attributes: attributesFromSsh2(attrs) };
}

function utf8(text: unknown): Buffer {
  return Buffer.from(typeof text === "string" ? text : "", "utf8");
}
