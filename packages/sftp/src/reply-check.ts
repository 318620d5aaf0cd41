import { SshError } from "@nacre/wire";
import { SSH_FX } from "./constants.ts";
import type { SftpClientLimits } from "./messages/limits.ts";
import type { PendingRequest } from "./pending-requests.ts";
import { REQUESTS, type SftpReply } from "./table.ts";

/**
 * Throws `unexpected-message` or `malformed-message` if the reply of a server does not fit its request or exceeds a limit. The type of the
 * reply is right already: `decodeReply` checks it.
 */
export function assertFits(
  reply: SftpReply,
  request: PendingRequest<unknown>,
  { maxNames, maxPathLength }: SftpClientLimits,
): void {
  const type = request.type!;
  switch (reply.type) {
    case "status":
      // rule: sftp-success-without-result
      if (reply.status === SSH_FX.OK && REQUESTS[type].reply !== "status")
        throw new SshError(
          "unexpected-message",
          `the SFTP server answered "${type}" with success, but without a result`,
        );
      return;
    case "data":
      // rule: sftp-data-length
      if (reply.data.length > request.length)
        throw new SshError(
          "malformed-message",
          `the SFTP server answered a read of ${request.length} bytes with ${reply.data.length} bytes`,
        );
      return;
    case "names":
      // rule: sftp-name-count
      if (reply.names.length > maxNames)
        throw new SshError(
          "malformed-message",
          `the SFTP server sent ${reply.names.length} names in one reply; the limit is ${maxNames} (\`maxNames\`)`,
        );
      // rule: sftp-one-name
      if (type !== "readdir" && reply.names.length !== 1)
        throw new SshError("malformed-message", `the SFTP server answered "${type}" with ${reply.names.length} names`);
      // rule: sftp-name-length
      for (const { filename } of reply.names)
        if (filename.length > maxPathLength)
          throw new SshError(
            "malformed-message",
            `the SFTP server sent a name of ${filename.length} bytes; the limit is ${maxPathLength} (\`maxPathLength\`)`,
          );
      return;
    case "users-groups":
      // rule: sftp-names-of-ids
      if (reply.users.length !== request.length || reply.groups.length !== request.groups)
        throw new SshError("malformed-message", `the SFTP server answered "${type}" with another number of names`);
      return;
    default:
  }
}
