import { fileURLToPath } from "node:url";
import { parsePublicKeyLine } from "@nacre/keyfiles";
import { fingerprint } from "@nacre/keys";
import { MIB, sha256 } from "@nacre/testing/interop/data";
import { makeKey, useFolder } from "@nacre/testing/interop/keys";
import { runPeer } from "@nacre/testing/interop/our-server";
import { useServer } from "@nacre/testing/interop/server";
import { authorizeKey } from "@nacre/testing/openssh/sshd";
import { expect, test } from "vitest";
import { runtimeNamed } from "../list.ts";
import { runningIn } from "../running-in.ts";

// Runs a program without vitest, so that the runtime itself resolves and loads the built files.

const folder = useFolder();
const server = useServer();

test("an application that imports the published packages connects and exits", async () => {
  const { path, publicKeyLine } = await makeKey(folder, "id", "ed25519");
  await authorizeKey("alice", publicKeyLine);
  const hostKey = fingerprint(parsePublicKeyLine(server.sshd.hostPublicKeys[0]!).publicKey.blob, "sha256");
  const program = fileURLToPath(new URL("published.mjs", import.meta.url));
  const { words } = runtimeNamed(runningIn().name);
  const ran = await runPeer([process.execPath, ...words, program, `${server.sshd.port}`, path, hostKey]);
  const digest = sha256(new Uint8Array(MIB));
  expect(ran.stderr).toBe("");
  expect(ran.stdout.toString().trimEnd().split("\n")).toEqual([
    `mlkem768x25519-sha256 aes128-gcm@openssh.com ${digest}`,
    `ecdh-sha2-nistp521 chacha20-poly1305@openssh.com ${digest}`,
    "function function",
  ]);
  expect(ran.status).toBe(0);
});
