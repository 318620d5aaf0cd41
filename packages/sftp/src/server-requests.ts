import { type Bytes, SshError } from "@nacre/wire";
import { SSH_FX } from "./constants.ts";
import type { OpenHandle } from "./handles.ts";
import type { SftpServerRequest } from "./server-events.ts";
import { exchangePaths, type SymlinkOrder } from "./symlink-order.ts";
import { decodeExtended, decodeRequest, extensionOf, type SftpRequest, SSH_FXP } from "./table.ts";

/**
 * Decodes a request, or returns the status that refuses it. `announced` has the names of the extensions that the client may use;
 * without it, each request of an extension is "extended".
 */
export function receivedRequest(
  packet: Bytes,
  announced: ReadonlySet<string> | undefined,
  symlinkOrder: SymlinkOrder,
): SftpRequest | number {
  try {
    if (packet[0] === SSH_FXP.EXTENDED) {
      if (announced === undefined) return decodeExtended(packet);
      // rule: sftp-unannounced-extension
      if (!announced.has(extensionOf(packet))) return SSH_FX.OP_UNSUPPORTED;
    }
    const request = decodeRequest(packet) ?? SSH_FX.OP_UNSUPPORTED;
    if (typeof request === "number" || request.type !== "symlink" || symlinkOrder === "target-first") return request;
    return exchangePaths(request);
  } catch (error) {
    if (error instanceof SshError && error.code === "malformed-message") return SSH_FX.BAD_MESSAGE;
    throw error;
  }
}

/** Returns the handles on the wire that a request names. */
export function handlesOf(request: SftpRequest): readonly Uint8Array[] {
  if (request.type === "copy-data") return [request.readHandle, request.writeHandle];
  return "handle" in request ? [request.handle] : [];
}

/** Returns the request with the application's values in place of its handles. */
export function withValues<Handle>(
  request: SftpRequest,
  handles: readonly OpenHandle<Handle>[],
): SftpServerRequest<Handle> {
  if (request.type === "copy-data")
    return { ...request, readHandle: handles[0]!.value, writeHandle: handles[1]!.value };
  if ("handle" in request) return { ...request, handle: handles[0]!.value };
  return request as SftpServerRequest<Handle>;
}

/** Returns whether a handle may be of the kind that a request needs: a directory to list it, a file to read, write or copy it. */
export function suits({ type }: SftpRequest, { kind }: OpenHandle<unknown>): boolean {
  if (type === "readdir") return kind !== "file";
  return kind !== "directory" || !(type === "read" || type === "write" || type === "copy-data");
}

/** Returns the length of the longest path in a request. */
export function longestPath(request: SftpRequest): number {
  if ("path" in request) return request.path.length;
  if ("oldPath" in request) return Math.max(request.oldPath.length, request.newPath.length);
  return request.type === "symlink" ? Math.max(request.targetPath.length, request.linkPath.length) : 0;
}
