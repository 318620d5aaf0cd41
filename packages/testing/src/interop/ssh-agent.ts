import { execFile, spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { KeyFile } from "./keys.ts";

/** A real ssh-agent that belongs to the test. */
export interface Agent extends AsyncDisposable {
  /** Path of its socket. */
  readonly path: string;
  /** Adds a key and the certificate beside it. `options`: those of ssh-add, such as `["-k"]` for the key alone. */
  add(key: Pick<KeyFile, "path">, options?: readonly string[]): Promise<void>;
}

let agents = 0;

/** Starts ssh-agent with a socket in `folder`. `env` is added to its environment, `options` to its options. */
export async function startAgent(
  folder: { readonly path: string },
  env: Readonly<Record<string, string>> = {},
  options: readonly string[] = [],
): Promise<Agent> {
  const path = join(folder.path, `agent-${++agents}`);
  const child = spawn("ssh-agent", ["-D", "-a", path, ...options], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const exited = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
  });
  // ssh-agent prints its socket's path once it listens.
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => reject(new Error(`ssh-agent exited with status ${status}`)));
    child.stdout.once("data", () => resolve());
  });
  return {
    path,
    add: async (key, words = []) => {
      await promisify(execFile)("ssh-add", ["-q", ...words, key.path], {
        env: { ...process.env, SSH_AUTH_SOCK: path },
      });
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await exited;
      await rm(path, { force: true });
    },
  };
}
