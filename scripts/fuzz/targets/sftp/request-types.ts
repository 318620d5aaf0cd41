import type { RequestType } from "@nacre/sftp";
import { strings } from "../../input.ts";

/** Types of requests. Inputs select one by its index. */
export const REQUEST_TYPES: readonly RequestType[] = [
  "open",
  "close",
  "read",
  "write",
  "stat",
  "lstat",
  "fstat",
  "setstat",
  "fsetstat",
  "opendir",
  "readdir",
  "remove",
  "mkdir",
  "rmdir",
  "realpath",
  "rename",
  "readlink",
  "symlink",
  "posix-rename",
  "statvfs",
  "fstatvfs",
  "hardlink",
  "fsync",
  "lsetstat",
  "limits",
  "expand-path",
  "copy-data",
  "home-directory",
  "users-groups-by-id",
  "extended",
];

/** Encodes steps as an input: each is a string, whose first byte is the index of its name. */
export function steps<Name extends string>(
  names: readonly Name[],
  all: readonly (readonly [Name, ...(readonly (number | Uint8Array)[])])[],
): Uint8Array {
  return strings(
    ...all.map(([name, ...rest]) =>
      Uint8Array.from([names.indexOf(name), ...rest.flatMap((one) => (typeof one === "number" ? [one] : [...one]))]),
    ),
  );
}

/** Puts the length field before a packet. */
export function framed(packet: Uint8Array): Uint8Array {
  return strings(packet);
}
