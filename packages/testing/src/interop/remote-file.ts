import { randomBytes } from "node:crypto";
import { containerExec } from "../openssh/sshd.ts";

/** Creates a world-readable file on the machine of the servers, without using SSH. Resolves with its path. */
export async function putRemoteFile(bytes: Uint8Array | string): Promise<string> {
  const path = `/tmp/nacre-interop-${randomBytes(6).toString("hex")}`;
  const { status, stderr } = await containerExec(["sh", "-c", `cat >${path} && chmod 0644 ${path}`], { input: bytes });
  if (status !== 0) throw new Error(`cannot write ${path}: ${stderr}`);
  return path;
}

export async function removeRemoteFile(path: string): Promise<void> {
  await containerExec(["rm", "-f", path]);
}
