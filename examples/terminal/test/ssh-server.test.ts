import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Client, connect, type NodeProcess } from "@nacre/node";
import { generateWebKey } from "@nacre/web/keys";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type EmbeddedServer, openSshServer } from "../src/ssh-server.ts";
import { makeFolder } from "./support.ts";

const folder = makeFolder();
const warnings: string[] = [];
let server: EmbeddedServer;
const clients: Client[] = [];
beforeAll(async () => {
  server = await openSshServer({ port: 0, folder: folder.path, warn: (text) => warnings.push(text) });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});
afterAll(async () => {
  await server.close();
  folder.remove();
});

async function logIn(options: Partial<Parameters<typeof connect>[0]> = {}): Promise<Client> {
  const client = await connect({
    host: "127.0.0.1",
    port: server.port,
    user: "demo",
    hostKey: server.fingerprint,
    identities: [],
    ...options,
  });
  clients.push(client);
  return client;
}

describe("a login", () => {
  test("succeeds with the password", async () => {
    const client = await logIn({ password: server.password });
    const { stdout, status } = await client.exec('echo "$USER $HOME"; pwd');
    expect(stdout).toBe(`demo ${folder.home}\n${folder.home}\n`);
    expect(status).toBe(0);
  });

  test.each([
    ["another password", { password: "aaaa-aaaa-aaaa-aaaa" }],
    ["an empty password", { password: "" }],
    ["an unknown key", {}],
  ])("fails with %s", async (name, options) => {
    const identities = name === "an unknown key" ? [await generateWebKey()] : [];
    await expect(logIn({ identities, ...options })).rejects.toMatchObject({ code: "auth-failed" });
  });

  test("fails for another user with the right password", async () => {
    await expect(logIn({ user: "root", password: server.password })).rejects.toMatchObject({ code: "auth-failed" });
  });

  test("succeeds with a key that was added to authorized_keys after the start", async () => {
    const key = await generateWebKey();
    mkdirSync(join(folder.home, ".ssh"), { mode: 0o700 });
    writeFileSync(join(folder.home, ".ssh/authorized_keys"), `${key.authorizedKeysLine("test")}\n`, { mode: 0o600 });
    const client = await logIn({ identities: [key] });
    expect((await client.exec("echo in")).stdout).toBe("in\n");
    rmSync(join(folder.home, ".ssh"), { recursive: true });
    expect(warnings).toEqual([]);
  });

  test("needs a password of 80 random bits, which differs at each start", async () => {
    const other = await openSshServer({ port: 0, folder: folder.path, warn: () => {} });
    expect(server.password).toMatch(/^(?:[a-km-np-z2-9]{4}-){3}[a-km-np-z2-9]{4}$/);
    expect(other.password).not.toBe(server.password);
    expect(other.fingerprint).toBe(server.fingerprint);
    await other.close();
  });
});

describe("a command", () => {
  test("gets input, output, error output and a status of its own", async () => {
    const client = await logIn({ password: server.password });
    const result = await client.exec("cat; echo problem >&2; exit 3", { input: "hello" });
    expect(result).toMatchObject({ stdout: "hello", stderr: "problem\n", status: 3, signal: undefined });
    expect(await client.exec("kill -TERM $$")).toMatchObject({ signal: "TERM" });
  });

  test.each([
    ["", ""],
    [" even if it ignores SIGHUP", "trap '' HUP; "],
  ])("ends with the connection%s", async (_, prefix) => {
    const client = await logIn({ password: server.password });
    const process = await client.spawn(`${prefix}echo $$; sleep 1000`);
    const pid = Number(await outputUntil(process, /\d+\n/));
    await client.close();
    await vi.waitFor(() => expect(() => globalThis.process.kill(pid, 0)).toThrow("ESRCH"), 15_000);
  });
});

describe("a shell", () => {
  test("has a terminal, which follows the size of the client's", async () => {
    const client = await logIn({ password: server.password });
    const shell = await client.shell({ pty: { columns: 91, rows: 17, term: "xterm-256color" } });
    shell.stdin.write("echo $TERM-$(stty size | tr ' ' x)\n");
    await outputUntil(shell, /xterm-256color-17x91/);
    shell.resize(47, 11);
    shell.stdin.write("echo now-$(stty size | tr ' ' x)\n");
    await outputUntil(shell, /now-11x47/);
    shell.stdin.write("exit 5\n");
    expect(await shell.exit).toMatchObject({ status: 5 });
  });

  test("takes a large paste while it prints", async () => {
    const client = await logIn({ password: server.password });
    const shell = await client.shell({ pty: true });
    // Without a line editor, which would echo each key.
    shell.stdin.write("stty -echo; echo ready; wc -c; exit\n");
    await outputUntil(shell, /ready\r\n/);
    const lines = `${"x".repeat(63)}\n`.repeat(2000);
    shell.stdin.write(`${lines}\x04`);
    await outputUntil(shell, new RegExp(`\\b${lines.length}\\b`));
  });

  test("ends with the connection", async () => {
    const client = await logIn({ password: server.password });
    const shell = await client.shell({ pty: true });
    shell.stdin.write("echo pid-$$-; sleep 1000\n");
    const [, pid] = /pid-(\d+)-/.exec(await outputUntil(shell, /pid-\d+-/))!;
    await client.close();
    await vi.waitFor(() => expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH"), 15_000);
  });
});

/** Resolves with the output once it matches. Rejects if the output ends first. */
function outputUntil(process: NodeProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const onData = (bytes: Buffer): void => {
      text += bytes.toString();
      if (!pattern.test(text)) return;
      process.stdout.off("data", onData);
      resolve(text);
    };
    process.stdout.on("data", onData);
    process.stdout.once("error", reject);
    process.stdout.once("end", () => reject(new Error(`the output ended before ${pattern}: ${text}`)));
  });
}
