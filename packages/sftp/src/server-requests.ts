import type { OpenHandle } from "./handles.ts";
import type { SftpServerRequest } from "./server-events.ts";
import type { SftpRequest } from "./table.ts";

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

/** Returns whether a handle is of the kind that a request needs: a directory to list it, a file to read, write or copy it. */
export function suits({ type }: SftpRequest, { kind }: OpenHandle<unknown>): boolean {
  if (type === "readdir") return kind === "directory";
  return kind === "file" || !(type === "read" || type === "write" || type === "copy-data");
}

/** Returns the length of the longest path in a request. */
export function longestPath(request: SftpRequest): number {
  if ("path" in request) return request.path.length;
  if ("oldPath" in request) return Math.max(request.oldPath.length, request.newPath.length);
  return request.type === "symlink" ? Math.max(request.targetPath.length, request.linkPath.length) : 0;
}
