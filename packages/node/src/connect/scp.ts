import type { ChannelOpener, RemotePath, RemotePattern, TransferResult, TransferSink } from "@nacre/files";
import { downloadScp, uploadScp } from "@nacre/files/scp";
import { SshError } from "@nacre/wire";
import { nodeFiles } from "../disk/local-files.ts";
import type { LocalSource } from "./client.ts";

/** Uploads with scp, which checks the options. Throws `usage` for what only SFTP can do. */
export async function upload(
  ssh: ChannelOpener,
  local: LocalSource,
  remote: RemotePath,
  options: object,
): Promise<TransferResult> {
  if (typeof local !== "string") throw onlySftp("a pattern or a stream");
  return uploadScp(ssh, { files: nodeFiles, path: local }, remote, options);
}

/** Downloads with scp, which checks the options. Throws `usage` for what only SFTP can do. */
export async function download(
  ssh: ChannelOpener,
  remote: RemotePath | RemotePattern,
  local: string | TransferSink,
  options: object,
): Promise<TransferResult> {
  if (typeof local !== "string") throw onlySftp("a function that takes the contents");
  if (typeof remote === "object" && "glob" in remote) throw onlySftp("a pattern");
  return downloadScp(ssh, remote, { files: nodeFiles, path: local }, options);
}

function onlySftp(what: string): SshError {
  return new SshError("usage", `scp moves one path, not ${what}; leave out \`protocol: "scp"\``);
}
