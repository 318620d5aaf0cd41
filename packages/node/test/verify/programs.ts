import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { publicHalf } from "@nacre/testing/interop/keys";
import { goProgram } from "@nacre/testing/peers/go";
import type { PeerServer, PeerSettings } from "./settings.ts";

/** Returns the path of a program in this folder. */
export function here(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

export async function startGo(settings: PeerSettings): Promise<PeerServer> {
  return startProgram([await goProgram("server"), asJson(settings)]);
}

export async function startParamiko(settings: PeerSettings): Promise<PeerServer> {
  return startProgram(["/usr/bin/python3", here("paramiko-server.py"), asJson(settings)]);
}

export async function startAsyncssh(settings: PeerSettings): Promise<PeerServer> {
  return startProgram(["/usr/bin/python3", here("asyncssh-server.py"), asJson(settings)]);
}

/** Starts Erlang's server, which reads its keys from files with fixed names. */
export async function startErlang({ folder, hostKey, userKey, password }: PeerSettings): Promise<PeerServer> {
  const files = join(folder.path, "erlang");
  await mkdir(files);
  await copyFile(hostKey.path, join(files, "ssh_host_ed25519_key"));
  await writeFile(join(files, "authorized_keys"), `${userKey.publicKeyLine}\n`);
  return startProgram(["escript", here("erlang-server.escript"), files, password]);
}

function asJson({ hostKey, userKey, ...settings }: PeerSettings): string {
  return JSON.stringify({ ...settings, hostKey: hostKey.path, userKey: publicHalf(userKey) });
}

/** Starts a program that prints its port on the first line and exits when its input ends. */
async function startProgram([program = "", ...words]: readonly string[]): Promise<PeerServer> {
  const child = spawn(program, words, { stdio: ["pipe", "pipe", "pipe"] });
  const closed = once(child, "close");
  let [output, errors] = ["", ""];
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes("\n")) resolve(Number.parseInt(output, 10));
    });
    void closed.then(
      () => reject(new Error(`${program} exited before listening: ${errors}`)),
      (error: unknown) => reject(error as Error),
    );
  });
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await closed;
    },
  };
}
