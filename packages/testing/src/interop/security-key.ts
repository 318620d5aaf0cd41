import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { containerExec } from "../openssh/sshd.ts";
import type { KeyFile } from "./keys.ts";

/** OpenSSH's security key without hardware. */
export interface SecurityKeyProvider {
  /** Path of its library, for `ssh-agent -P` and `ssh-add -S`. */
  readonly path: string;
  /** Makes a key. `options`: those of ssh-keygen's `-O`, such as `"no-touch-required"`. */
  makeKey(name: string, type: "ed25519-sk" | "ecdsa-sk", options?: readonly string[]): Promise<KeyFile>;
}

const LIBRARY = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so";

/** Copies the library from the host of the servers to `folder`. */
export async function securityKeyProvider(folder: { readonly path: string }): Promise<SecurityKeyProvider> {
  const { status, stdout } = await containerExec(["base64", LIBRARY]);
  if (status !== 0) throw new Error(`${LIBRARY} is missing; install Debian's package openssh-tests`);
  const path = join(folder.path, "sk-dummy.so");
  await writeFile(path, Buffer.from(stdout, "base64"), { mode: 0o755 });
  return {
    path,
    makeKey: async (name, type, options = []) => {
      const file = join(folder.path, name);
      const words = options.flatMap((option) => ["-O", option]);
      const all = ["-q", "-w", path, "-t", type, ...words, "-N", "", "-C", name, "-f", file];
      await promisify(execFile)("ssh-keygen", all);
      return { path: file, publicKeyLine: (await readFile(`${file}.pub`, "utf8")).trimEnd() };
    },
  };
}
