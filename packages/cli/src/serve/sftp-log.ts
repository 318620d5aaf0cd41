import type { ScpServerLogEvent } from "@nacre/files/scp-server";
import type { SftpRequestEvent, SftpRequestType, SftpServerLogEvent } from "@nacre/node/sftp-server";
import { escapeText } from "@nacre/wire";
import type { SftpLogLevel } from "./sftp-server-arguments.ts";

/** Requests that the level "changes" leaves out, because they read or are too many. */
const QUIET: ReadonlySet<SftpRequestType> = new Set([
  "read",
  "write",
  "close",
  "readdir",
  "stat",
  "lstat",
  "fstat",
  "readlink",
  "realpath",
  "statvfs",
  "fstatvfs",
  "expand-path",
  "home-directory",
  "users-groups-by-id",
]);

/** Returns the line for an answered request, or `undefined` if the level leaves it out. Texts from the client are quoted and escaped. */
export function requestLine(event: SftpRequestEvent, level: SftpLogLevel): string | undefined {
  const { request, path, otherPath, refusal } = event;
  const isWanted =
    level === "all" ||
    (refusal !== undefined && level !== "none" && !isProbe(event)) ||
    (level === "changes" && !QUIET.has(request));
  if (!isWanted) return undefined;
  const paths = [path, otherPath].flatMap((text) => (text === undefined ? [] : [quoted(text)]));
  return [`sftp ${request}`, ...paths].join(" ") + (refusal === undefined ? "" : `: ${refusal}`);
}

/** Returns the line for a fault of the file system. */
export function faultLine({ request, path, error }: SftpServerLogEvent): string {
  const where = path === undefined ? "" : ` ${quoted(path)}`;
  return `sftp ${request}${where} failed: ${reasonOf(error)}`;
}

/** Returns the line for a fault of the file system during scp. */
export function scpFaultLine({ path, error }: ScpServerLogEvent): string {
  return `scp ${quoted(path)} failed: ${reasonOf(error)}`;
}

function reasonOf(error: unknown): string {
  return escapeText(error instanceof Error ? error.message : String(error));
}

/** Clients look for a name before they create it, so a missing one is no refusal worth a line. */
function isProbe({ request, refusal }: SftpRequestEvent): boolean {
  return (request === "stat" || request === "lstat") && refusal === "No such file or directory";
}

function quoted(text: string): string {
  return `"${escapeText(text).replaceAll('"', '\\"')}"`;
}
