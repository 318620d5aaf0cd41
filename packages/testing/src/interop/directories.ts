import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "@nacre/node";
import { onTestFinished } from "vitest";
import { containerExec } from "../openssh/sshd.ts";

/** New directories of one test, and a connection. */
export interface BothDirectories {
  readonly ssh: Client;
  /** Absolute path of the directory on the server. */
  readonly remote: string;
  /** Path of the directory here. */
  readonly local: string;
  /** Runs a command in the directory on the server. Resolves with its output; rejects if it fails. */
  readonly run: (command: string) => Promise<string>;
}

/** Adds a new directory in `folder` to one on the server. The connection is closed at the end of the test. */
export async function withDirectories(
  ssh: Client,
  directory: Promise<string>,
  folder: { readonly path: string },
): Promise<BothDirectories> {
  onTestFinished(() => ssh.close());
  const remote = await directory;
  return { ssh, remote, local: await mkdtemp(join(folder.path, "local-")), run: commandsIn(ssh, remote) };
}

/** Makes a directory in `parent` on the machine of OpenSSH's server, removed at the end of the test. Resolves with its absolute path. */
export async function makeRemoteDirectory(ssh: Client, parent = "/tmp"): Promise<string> {
  const { stdout, stderr, status } = await ssh.exec(`mktemp -d ${parent}/nacre-XXXXXX`);
  if (status !== 0) throw new Error(`cannot make a directory in ${parent}: ${stderr}`);
  const path = stdout.trimEnd();
  onTestFinished(async () => void (await containerExec(["rm", "-rf", path])));
  return path;
}

/** Returns a function that runs a command in a directory on the server. It resolves with the output, and rejects if the command fails. */
export function commandsIn(ssh: Client, directory: string): (command: string) => Promise<string> {
  return async (command) => {
    const { stdout, stderr, status } = await ssh.exec(`cd ${directory} && ${command}`);
    if (status !== 0) throw new Error(`${command}: ${stderr}`);
    return stdout.trimEnd();
  };
}
