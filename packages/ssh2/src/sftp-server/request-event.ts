import { bufferOf } from "@nacre/node/extend";
import type { SftpServerRequest } from "@nacre/sftp";
import { statsOf } from "../sftp/stats.ts";

/** Name and values of the event of a request, without the request's number. */
export type SftpRequestEvent = readonly [event: string, ...values: readonly unknown[]];

/** Returns the event of a request, with ssh2's names and values; `undefined` for a request that it has no event for. */
export function sftpRequestEvent(request: SftpServerRequest<Uint8Array>): SftpRequestEvent | undefined {
  switch (request.type) {
    case "open":
      return ["OPEN", text(request.path), request.flags, statsOf(request.attributes)];
    case "close":
      return ["CLOSE", bufferOf(request.handle)];
    case "read":
      return ["READ", bufferOf(request.handle), request.offset, request.length];
    case "write":
      return ["WRITE", bufferOf(request.handle), request.offset, bufferOf(request.data)];
    case "lstat":
    case "stat":
    case "opendir":
    case "remove":
    case "rmdir":
    case "realpath":
    case "readlink":
      return [request.type.toUpperCase(), text(request.path)];
    case "fstat":
    case "readdir":
      return [request.type.toUpperCase(), bufferOf(request.handle)];
    case "setstat":
    case "mkdir":
      return [request.type.toUpperCase(), text(request.path), statsOf(request.attributes)];
    case "fsetstat":
      return ["FSETSTAT", bufferOf(request.handle), statsOf(request.attributes)];
    case "rename":
      return ["RENAME", text(request.oldPath), text(request.newPath)];
    case "symlink":
      return ["SYMLINK", text(request.linkPath), text(request.targetPath)];
    case "extended":
      return ["EXTENDED", request.name, request.data.length === 0 ? undefined : bufferOf(request.data)];
    default:
      return undefined;
  }
}

/** Returns a path as text. As in ssh2, bytes that are not UTF-8 become U+FFFD. */
function text(path: Uint8Array): string {
  return bufferOf(path).toString("utf8");
}
