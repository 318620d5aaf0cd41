import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MIB, randomData, sha256 } from "@nacre/testing/interop/data";
import { type KeyFile, makeKey, useFolder } from "@nacre/testing/interop/keys";
import { type Ran, runPeer } from "@nacre/testing/interop/our-server";
import { fingerprintsOf, useServer } from "@nacre/testing/interop/server";
import { authorizeKey } from "@nacre/testing/openssh/sshd";
import { beforeAll, expect, test } from "vitest";
import { runtimeNamed } from "../list.ts";
import { runningIn } from "../running-in.ts";

// Runs the published `nacre` command without vitest, as a user starts it with this runtime, against OpenSSH's sshd.

const COMMAND = fileURLToPath(new URL("../../../packages/cli/dist/main.js", import.meta.url));
const folder = useFolder();
const server = useServer();
let key: KeyFile;
beforeAll(async () => {
  key = await makeKey(folder, "id", "ed25519");
  await authorizeKey("alice", key.publicKeyLine);
});

function nacre(words: readonly string[], input?: Uint8Array): Promise<Ran> {
  const command = [process.execPath, ...runtimeNamed(runningIn().name).words, COMMAND, ...words];
  return runPeer(command, input === undefined ? {} : { input });
}

function login(): string[] {
  const hostKeys = fingerprintsOf(server.sshd).flatMap((hostKey) => ["--host-key", hostKey]);
  return ["-F", "none", "-i", key.path, "-o", "IdentitiesOnly=yes", ...hostKeys];
}

test("nacre HOST passes input, output and the exit status of a command", async () => {
  const data = randomData(MIB);
  const words = [...login(), "-p", `${server.sshd.port}`, "alice@127.0.0.1", "sha256sum; echo aside >&2; exit 3"];
  const { status, stdout, stderr } = await nacre(words, data);
  expect({ status, stdout: stdout.toString(), stderr }).toEqual({
    status: 3,
    stdout: `${sha256(data)}  -\n`,
    stderr: "aside\n",
  });
});

test("nacre cp --verify copies a file to a server and back", async () => {
  const data = randomData(MIB);
  const [file, copy] = [join(folder.path, "file"), join(folder.path, "copy")];
  await writeFile(file, data);
  const remote = `alice@127.0.0.1:nacre-${randomBytes(6).toString("hex")}`;
  const words = ["cp", "-q", "--verify", ...login(), "-P", `${server.sshd.port}`];
  for (const places of [
    [file, remote],
    [remote, copy],
  ]) {
    const { status, stdout, stderr } = await nacre([...words, ...places]);
    expect({ status, stdout: stdout.toString(), stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
  }
  expect(sha256(await readFile(copy))).toBe(sha256(data));
});
