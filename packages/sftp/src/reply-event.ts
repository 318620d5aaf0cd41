import { type Bytes, copyBytes } from "@nacre/wire";
import type { SftpReplyEvent } from "./client-events.ts";
import { SSH_FX } from "./constants.ts";
import type { RequestType, SftpReply } from "./table.ts";

/** Returns the event of a client for a reply that fits its request. */
export function replyEvent<Waiter>(
  reply: Exclude<SftpReply, { readonly type: "limits" }>,
  type: RequestType,
  request: number,
  waiter: Waiter,
): SftpReplyEvent<Waiter> {
  switch (reply.type) {
    case "status":
      return { type: "status", request, waiter, status: reply.status, message: reply.message };
    case "handle":
      // Copied, because a handle lives long, and a view would keep the whole received chunk.
      return { type: "handle", request, waiter, handle: copyBytes(reply.handle) };
    case "data":
      // `SftpClient` passes other data on as it arrived.
      break;
    case "names":
      // rule: sftp-empty-names
      if (reply.names.length === 0) break;
      if (type !== "readdir") return { type: "name", request, waiter, name: reply.names[0]! };
      return { type: "names", request, waiter, names: reply.names };
    case "attributes":
      return { type: "attributes", request, waiter, attributes: reply.attributes };
    case "statvfs":
      return { type: "statvfs", request, waiter, statvfs: reply.statvfs };
    case "users-groups":
      return { type: "users-groups", request, waiter, users: reply.users, groups: reply.groups };
    case "extended":
      return { type: "extended", request, waiter, data: reply.data as Bytes };
  }
  // Some servers end a file with empty data, or a directory with no names. As such events, they would make a reader ask forever.
  return { type: "status", request, waiter, status: SSH_FX.EOF, message: "" };
}
