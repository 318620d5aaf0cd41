import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { MIB, randomData, sha256 } from "@nacre/testing/interop/data";
import { makeKey, useFolder } from "@nacre/testing/interop/keys";
import { runPeer } from "@nacre/testing/interop/our-server";
import { afterEach, beforeAll, expect, test } from "vitest";
import { runtimeNamed } from "../list.ts";
import { runningIn } from "../running-in.ts";

// Runs the published `nacre` command without vitest, as an administrator starts it with this runtime.

const COMMAND = fileURLToPath(new URL("../../../packages/cli/dist/main.js", import.meta.url));
const folder = useFolder();
const file = (name: string): string => join(folder.path, name);
let server: ChildProcess | undefined;

beforeAll(async () => {
  const { publicKeyLine } = await makeKey(folder, "id", "ed25519");
  await writeFile(file("authorized_keys"), `${publicKeyLine}\n`, { mode: 0o600 });
});

afterEach(async () => {
  if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
  server.kill();
  await once(server, "close");
});

/** Starts `nacre serve`, which inherits descriptor 3. Resolves with its port, or rejects with its log if it ends. */
async function serve(): Promise<number> {
  const files = ["--host-key", file("host_key"), "--authorized-keys", file("authorized_keys")];
  const words = ["serve", "--listen", "127.0.0.1", "--port", "0", "--log", "json", ...files];
  const child = spawn(process.execPath, [...runtimeNamed(runningIn().name).words, COMMAND, ...words], {
    stdio: ["ignore", "ignore", "pipe", "ignore"],
  });
  server = child;
  const lines: string[] = [];
  return new Promise((resolve, reject) => {
    createInterface(child.stderr!).on("line", (line) => {
      lines.push(line);
      if (line.includes('"listening"')) resolve((JSON.parse(line) as { readonly port: number }).port);
    });
    child.on("error", reject);
    child.on("close", (status) => reject(new Error(`status ${status}: ${lines.join("\n")}`)));
  });
}

if (runningIn().name === "deno") {
  test("nacre serve refuses to start with an inherited descriptor that Deno cannot close", async () => {
    await expect(serve()).rejects.toThrow("cannot close file descriptor");
  });
} else if (runningIn().name === "windows") {
  test("nacre serve refuses to start on Windows, where it could run no shell", async () => {
    await expect(serve()).rejects.toThrow("nacre serve needs a Unix system");
  });
} else {
  test("nacre serve accepts a key of authorized_keys, and its sessions inherit no descriptor", async () => {
    const port = await serve();
    const data = randomData(MIB);
    const known = ["-o", `UserKnownHostsFile=${file("known_hosts")}`, "-o", "GlobalKnownHostsFile=/dev/null"];
    const login = ["-i", file("id"), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-p", `${port}`];
    const options = ["-q", "-F", "/dev/null", ...known, ...login, "-o", "StrictHostKeyChecking=accept-new"];
    const user = (await runPeer(["id", "-un"])).stdout.toString().trim();
    const command = "sha256sum; ls /proc/self/fd; exit 3";
    const { status, stdout, stderr } = await runPeer(["ssh", ...options, `${user}@127.0.0.1`, command], {
      input: data,
    });
    // `ls` itself opened descriptor 3.
    const expected = `${sha256(data)}  -\n0\n1\n2\n3\n`;
    expect({ status, stdout: stdout.toString(), stderr }).toEqual({ status: 3, stdout: expected, stderr: "" });
  });
}
