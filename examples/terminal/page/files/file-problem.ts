import { SftpError } from "@nacre/files";
import { escapeText, SshError } from "nacre";
import { messageOf } from "../elements.ts";

/** Returns a sentence about a failed listing or transfer. */
export function fileProblem(error: unknown): string {
  if (!(error instanceof SshError)) return messageOf(error);
  const path = error instanceof SftpError && error.path !== undefined ? escapeText(error.path) : "The file";
  switch (error.code) {
    case "channel-request-failed":
      return "This host offers no file transfer (SFTP).";
    case "sftp-permission-denied":
      return `The host does not permit this: ${path}. Check the rights of the file and of its folder.`;
    case "sftp-no-such-file":
      return `${path} is no longer on the host. Refresh the folder.`;
    case "closed":
    case "connection-lost":
    case "disconnected":
    case "keepalive-timeout":
      return "The session has ended. Log in again to move files.";
    default:
      return error.message;
  }
}
