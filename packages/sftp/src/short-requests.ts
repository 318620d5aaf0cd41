import type { OutputBuffer } from "./output-buffer.ts";
import type { SftpRequest } from "./table.ts";

/** Requests that move short files. There are several for each file, so they are written without the codecs, which allocate. */
type ShortRequest = Extract<SftpRequest, { readonly type: "open" | "close" | "read" | "rename" | "posix-rename" }>;

/** Bytes of the flags of SSH_FXP_OPEN and of attributes without values. */
const OPEN_FIELDS = 8;
/** Bytes of offset and length in SSH_FXP_READ. */
const READ_FIELDS = 12;
/** Flag of attributes with permissions (draft-ietf-secsh-filexfer-02 §5). */
const PERMISSIONS = 0x4;

/** Returns whether `writeShortRequest` can write a request. The codecs write the others, and report invalid values. */
export function isShortRequest(request: SftpRequest): request is ShortRequest {
  switch (request.type) {
    case "close":
      return true;
    case "read":
      return isUint53(request.offset) && isUint32(request.length);
    case "open": {
      const { path, flags, attributes } = request;
      const { size, owner, times, extended, permissions } = attributes;
      const isPlain = size === undefined && owner === undefined && times === undefined && extended === undefined;
      return isPlain && isUint32(flags) && isUint32(permissions ?? 0) && !path.includes(0);
    }
    case "rename":
    case "posix-rename":
      return !request.oldPath.includes(0) && !request.newPath.includes(0);
    default:
      return false;
  }
}

/** Returns the length in bytes of the fields after the request id, and after the name of an extension. */
export function shortRequestLength(request: ShortRequest): number {
  switch (request.type) {
    case "close":
      return 4 + request.handle.length;
    case "read":
      return 4 + request.handle.length + READ_FIELDS;
    case "open":
      return 4 + request.path.length + OPEN_FIELDS + (request.attributes.permissions === undefined ? 0 : 4);
    case "rename":
    case "posix-rename":
      return 8 + request.oldPath.length + request.newPath.length;
  }
}

/** Writes the fields after the request id, and after the name of an extension. */
export function writeShortRequest(output: OutputBuffer, request: ShortRequest): void {
  switch (request.type) {
    case "close":
      output.string(request.handle);
      return;
    case "read":
      output.string(request.handle).uint64(request.offset).uint32(request.length);
      return;
    case "open": {
      const { permissions } = request.attributes;
      output.string(request.path).uint32(request.flags);
      if (permissions === undefined) output.uint32(0);
      else output.uint32(PERMISSIONS).uint32(permissions);
      return;
    }
    case "rename":
    case "posix-rename":
      output.string(request.oldPath).string(request.newPath);
  }
}

function isUint32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
}

function isUint53(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
