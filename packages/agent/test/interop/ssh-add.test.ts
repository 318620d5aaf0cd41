import { execFile } from "node:child_process";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { generateEd25519 } from "@nacre/keys";
import { type KeyFile, type KeyType, makeKey, readKey, useFolder } from "@nacre/testing/interop/keys";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Agent } from "../../src/index.ts";
import { bindOf, certifiedHost, newAgent, random } from "../support.ts";
import { ClientSocket, serveAgent } from "./sockets.ts";

const folder = useFolder();
let agent: Agent;
let server: Awaited<ReturnType<typeof serveAgent>>;
let isAllowed = true;
beforeEach(async () => {
  agent = newAgent();
  server = await serveAgent(agent, folder, () => isAllowed);
});
afterEach(() => server[Symbol.asyncDispose]());

/** Runs a program of OpenSSH at our agent. Returns its status and both outputs. */
async function run(command: string, ...words: readonly string[]): Promise<{ status: number; output: string }> {
  const env = {
    ...process.env,
    SSH_AUTH_SOCK: server.path,
    SSH_ASKPASS: join(folder.path, "askpass"),
    SSH_ASKPASS_REQUIRE: "force",
  };
  return promisify(execFile)(command, words, { env }).then(
    ({ stdout, stderr }) => ({ status: 0, output: stdout + stderr }),
    (error: { readonly code: number; readonly stdout: string; readonly stderr: string }) => ({
      status: error.code,
      output: error.stdout + error.stderr,
    }),
  );
}

async function status(...words: readonly string[]): Promise<number> {
  return (await run("ssh-add", ...words)).status;
}

async function passphrase(text: string): Promise<void> {
  const path = join(folder.path, "askpass");
  await writeFile(path, `#!/bin/sh\necho '${text}'\n`);
  await chmod(path, 0o700);
}

describe("ssh-add at our agent", () => {
  test.each<KeyType>(["ed25519", "ecdsa-256", "ecdsa-521", "rsa-3072"])(
    "adds, lists, tests and removes %s",
    async (type) => {
      const file = await makeKey(folder, `add-${type}`, type);
      expect(await status("-q", file.path)).toBe(0);
      expect((await run("ssh-add", "-L")).output).toBe(`${file.publicKeyLine}\n`);
      expect(await status("-T", `${file.path}.pub`)).toBe(0);
      expect(await status("-d", file.path)).toBe(0);
      expect((await run("ssh-add", "-l")).output).toContain("no identities");
      expect(await status("-q", file.path)).toBe(0);
      expect(await status("-D")).toBe(0);
      expect(agent.keys(0)).toEqual([]);
    },
  );

  test("adds the certificate beside a key", async () => {
    const authority = await makeKey(folder, "authority", "ed25519");
    for (const type of ["ed25519", "ecdsa-256", "rsa-3072"] as const) {
      const file = await makeKey(folder, `certified-${type}`, type);
      await run("ssh-keygen", "-q", "-s", authority.path, "-I", "id", "-n", "alice", `${file.path}.pub`);
      expect(await status("-q", file.path)).toBe(0);
      const [name, blob] = (await readFile(`${file.path}-cert.pub`, "utf8")).split(" ");
      expect((await run("ssh-add", "-L")).output).toContain(`${name} ${blob}`);
      expect(await status("-T", `${file.path}-cert.pub`)).toBe(0);
    }
    expect(agent.keys(0)).toHaveLength(6);
  });

  test("adds with a lifetime and with confirmation", async () => {
    const file = await makeKey(folder, "constrained", "ed25519");
    expect(await status("-q", "-c", "-t", "1h", file.path)).toBe(0);
    expect(agent.deadline! - performance.now()).toBeGreaterThan(3_500_000);
    isAllowed = true;
    expect(await status("-T", `${file.path}.pub`)).toBe(0);
    isAllowed = false;
    expect(await status("-T", `${file.path}.pub`)).not.toBe(0);
  });

  test("locks and unlocks", async () => {
    const file = await makeKey(folder, "locked", "ed25519");
    await status("-q", file.path);
    await passphrase("right");
    expect(await status("-x")).toBe(0);
    expect((await run("ssh-add", "-l")).output).toContain("no identities");
    await passphrase("wrong");
    expect(await status("-X")).not.toBe(0);
    await passphrase("right");
    expect(await status("-X")).toBe(0);
    expect((await run("ssh-add", "-L")).output).toBe(`${file.publicKeyLine}\n`);
  });

  test("restricts a key to destinations", async () => {
    const host = await makeKey(folder, "host", "ed25519");
    const [name, blob] = host.publicKeyLine.split(" ");
    const known = join(folder.path, "known_hosts");
    await writeFile(known, `example.org ${name} ${blob}\n*.example.org ${name} ${blob}\n`);
    const file = await makeKey(folder, "restricted", "ed25519");
    const words = ["-H", known, "-h", "alice@example.org", "-h", "example.org>a.example.org", file.path];
    expect(await run("ssh-add", "-q", ...words)).toMatchObject({ status: 0 });
    expect(agent.keys(0)).toHaveLength(1);
    // A local program sees the key, but no signature leaves an unbound connection.
    expect((await run("ssh-add", "-L")).output).toBe(`${file.publicKeyLine}\n`);
    expect(await status("-T", `${file.path}.pub`)).not.toBe(0);
  });

  test("restricts a key to hosts of an authority", async () => {
    const authority = await makeKey(folder, "host-authority", "ed25519");
    const [name, blob] = authority.publicKeyLine.split(" ");
    const known = join(folder.path, "known_hosts_ca");
    await writeFile(known, `@cert-authority bastion ${name} ${blob}\n`);
    const file = await makeKey(folder, "to-certified", "ed25519");
    expect(await run("ssh-add", "-q", "-H", known, "-h", "alice@bastion", file.path)).toMatchObject({ status: 0 });
    const host = generateEd25519(random);
    const certified = certifiedHost(host, { validBefore: "forever" }, await readKey(authority));
    for (const [one, listed] of [
      [certified, 1],
      [host, 0],
    ] as const) {
      using client = await ClientSocket.open(server.path);
      expect(await client.type((to, waiter) => to.bindSession(bindOf(one, "first", false), waiter))).toBe("success");
      expect(await client.one((to, waiter) => to.list(waiter))).toMatchObject({ identities: { length: listed } });
    }
  });

  test("is refused smart cards and their libraries", async () => {
    await passphrase("1234");
    expect((await run("ssh-add", "-s", "/usr/lib/none.so")).output).toContain("agent refused operation");
    expect((await run("ssh-add", "-e", "/usr/lib/none.so")).output).toContain("agent refused operation");
  });
});

async function signedFile(file: KeyFile): Promise<{ status: number; output: string }> {
  const message = join(folder.path, "message");
  await writeFile(message, "a message");
  await run("rm", "-f", `${message}.sig`);
  return run("ssh-keygen", "-Y", "sign", "-n", "file", "-f", `${file.path}.pub`, message);
}

describe("ssh-keygen at our agent", () => {
  test.each<KeyType>(["ed25519", "ecdsa-384", "rsa-3072"])("signs a file with %s", async (type) => {
    const file = await makeKey(folder, `sign-${type}`, type);
    expect(await status("-q", file.path)).toBe(0);
    await run("rm", file.path);
    expect(await signedFile(file)).toMatchObject({ status: 0 });
    await status("-D");
    expect((await signedFile(file)).status).not.toBe(0);
  });
});
