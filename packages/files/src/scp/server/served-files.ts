import type { Attributes } from "@nacre/sftp";
import type { SshError } from "@nacre/wire";
import { type FileErrorCode, FileSystemError, refusalOf } from "../../serve/file-error.ts";
import type { FileSystem } from "../../serve/file-system.ts";
import type { ScpServerLogEvent } from "./options.ts";

/** Files that a session serves, with its settings. */
export interface ServedFiles {
  readonly fileSystem: FileSystem;
  readonly readOnly: boolean;
  log(this: void, event: ScpServerLogEvent): void;
}

/** File types that scp distinguishes. */
export type ServedType = "file" | "directory" | "link" | "special";

const TYPE_BITS = 0o170_000;

/** Returns the type of a file from its attributes. */
export function typeOf({ permissions = 0 }: Attributes): ServedType {
  switch (permissions & TYPE_BITS) {
    case 0o040_000:
      return "directory";
    case 0o120_000:
      return "link";
    // A file system that states no type has regular files at most.
    case 0o100_000:
    case 0:
      return "file";
    default:
      return "special";
  }
}

/** Returns permission bits without set-user-ID, set-group-ID and sticky. */
export function permissionBits({ permissions = 0 }: Attributes): number {
  return permissions & 0o777;
}

/** Returns the attributes of a path without following a symbolic link, or `undefined` if nothing has this path. */
export async function lstatOf(fileSystem: FileSystem, path: string): Promise<Attributes | undefined> {
  return found(fileSystem.lstat(path));
}

/** Returns the attributes of a path, or `undefined` if nothing has this path. */
export async function statOf(fileSystem: FileSystem, path: string): Promise<Attributes | undefined> {
  return found(fileSystem.stat(path));
}

/** Returns the text for the client about an exception, which depends on its code alone. Logs an exception without a code. */
export function reasonOf({ log }: ServedFiles, path: string, error: unknown): string {
  const refusal = refusalOf(error);
  if (refusal !== undefined) return refusal.message;
  log({ type: "failed", path, error });
  // rule: scp-fault-text
  return "Failure";
}

/** Returns whether an exception has one of these codes. */
export function hasCode(error: unknown, code: FileErrorCode): boolean {
  return (error as { readonly code?: unknown } | null | undefined)?.code === code;
}

/** Throws the error of a file system that lacks a method. */
export function unsupported(): never {
  throw new FileSystemError("EOPNOTSUPP");
}

async function found(attributes: Promise<Attributes>): Promise<Attributes | undefined> {
  try {
    return await attributes;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Ends a transfer because the client has gone or violated the protocol. */
export class ClientGone extends Error {
  /** Fault of the client; `undefined` if it ended regularly before everything was sent. */
  readonly reason: SshError | undefined;

  constructor(reason: SshError | undefined) {
    super("the client has ended scp");
    this.reason = reason;
  }
}
