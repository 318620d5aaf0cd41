import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { freePort } from "@nacre/testing/free-port";
import { must } from "@nacre/testing/openssh/run";
import { afterAll, beforeAll } from "vitest";
import { commandLine, installNacre } from "../interop/nacre.ts";
import type { Row } from "./table.ts";

/** Server on this machine, which shares its files with the programs. */
export interface Server {
  readonly port: number;
  /** Line of its host key, without the names of its host. */
  readonly hostKey: string;
}

/** A folder with our command as `ssh`, and the keys that log in with it. */
export interface OurSsh {
  readonly path: string;
  /** Line of the key to authorize. */
  readonly keyLine: string;
  /** Runs the script of a row. Resolves with what it prints. Rejects if it fails. */
  run(row: Row, server: Server): Promise<string>;
}

const PASSPHRASE = "open says me";
/** Time limit of one program in milliseconds. */
const LIMIT = 170_000;

/**
 * Makes `ssh` and `nacre-ssh`, which are links to our command. A program that called another `ssh` could not log in: only ours has the
 * folder as its home, and so the configuration that names the keys.
 */
export function useOurSsh(): OurSsh {
  let path = "";
  let keyLine = "";
  const key = (): string => join(path, "key");

  beforeAll(async () => {
    path = await mkdtemp(join(tmpdir(), "nacre-programs-"));
    installNacre(path);
    mkdirSync(join(path, "bin"));
    mkdirSync(join(path, ".ssh"), { mode: 0o700 });
    const [, main = ""] = commandLine([]);
    for (const name of ["ssh", "nacre-ssh"]) symlinkSync(main, join(path, "bin", name));
    await must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key()]);
    copyFileSync(key(), `${key()}-locked`);
    await must(["ssh-keygen", "-q", "-p", "-N", PASSPHRASE, "-f", `${key()}-locked`]);
    keyLine = await must(["ssh-keygen", "-y", "-f", key()]);
  });
  afterAll(() => rm(path, { recursive: true, force: true }));

  return {
    get path() {
      return path;
    },
    get keyLine() {
      return keyLine.trimEnd();
    },
    run: async ({ script }, { port, hostKey }) => {
      writeFileSync(join(path, "known_hosts"), `[127.0.0.1]:${port} ${hostKey}\n`);
      writeFileSync(join(path, ".ssh", "config"), configOf(path, port), { mode: 0o600 });
      const folder = mkdtempSync(join(path, "work-"));
      const env = {
        PATH: `${join(path, "bin")}:${process.env["PATH"]}`,
        HOME: path,
        NACRE_TEST_HOME: path,
        LC_ALL: "C.UTF-8",
        GIT_CONFIG_GLOBAL: "/dev/null",
        GIT_AUTHOR_NAME: "a",
        GIT_AUTHOR_EMAIL: "a@b",
        GIT_COMMITTER_NAME: "a",
        GIT_COMMITTER_EMAIL: "a@b",
        HOST: "127.0.0.1",
        PORT: `${port}`,
        LOGIN: userInfo().username,
        FREE: `${await freePort()}`,
        LOCKED_KEY: `${key()}-locked`,
        PASSPHRASE,
      };
      return runBash(script, folder, env);
    },
  };
}

/** Names the server `box`, and the files of keys. */
function configOf(path: string, port: number): string {
  return `Host box
  HostName 127.0.0.1
  Port ${port}
  User ${userInfo().username}
Host *
  IdentityFile ${join(path, "key")}
  UserKnownHostsFile ${join(path, "known_hosts")}
`;
}

/** Runs a script, and ends everything that it started when its time is over. */
function runBash(script: string, cwd: string, env: Readonly<Record<string, string>>): Promise<string> {
  // Its own session, so that no program can ask at the terminal of the tests.
  const child = spawn("bash", ["-euo", "pipefail", "-c", script], {
    cwd,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const timer = setTimeout(() => process.kill(-child.pid!, "SIGKILL"), LIMIT);
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      if (status === 0) resolve(stdout);
      else reject(new Error(`the script ended with ${signal ?? `status ${status}`}: ${stdout}${stderr}`));
    });
  });
}
