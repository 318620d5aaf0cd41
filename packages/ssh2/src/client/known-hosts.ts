import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type KnownHosts, type KnownHostsFile, parseKnownHostsWith } from "@nacre/keyfiles/internal";
import { accountHome, showPath, systemFile } from "@nacre/node/extend";
import { warn } from "../warnings.ts";

/** Returns the known_hosts files: those of the account and of the system, as `ssh` reads them. */
export function knownHostsFiles(home: string | undefined = accountHome()): readonly string[] {
  const ofAccount = home === undefined ? undefined : join(home, ".ssh", "known_hosts");
  return [ofAccount, systemFile("ssh_known_hosts")].filter((path) => path !== undefined);
}

/** Reads known_hosts files. Missing ones count as empty, and so do unreadable ones, with a warning. Never rejects. */
export async function readKnownHostsFiles(files: readonly string[]): Promise<KnownHosts> {
  return parseKnownHostsWith(hmacSha1, ...(await Promise.all(files.map(readOne))));
}

async function readOne(path: string): Promise<KnownHostsFile> {
  try {
    return { name: path, text: await readFile(path, "latin1") };
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
    if (code !== "ENOENT" && code !== "ENOTDIR")
      warn(
        "NACRE_SSH2_HOST_KEY",
        `cannot read ${showPath(path)} (${code}), so its hosts count as unknown; make the file readable`,
      );
    return { name: path, text: "" };
  }
}

function hmacSha1(key: Uint8Array, message: Uint8Array): Uint8Array {
  return createHmac("sha1", key).update(message).digest();
}
