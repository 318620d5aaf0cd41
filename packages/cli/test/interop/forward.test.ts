import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { formatPrivateKey, formatPublicKeyLine } from "@nacre/keyfiles";
import { generateEd25519 } from "@nacre/keys";
import { inSlices } from "@nacre/node";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { authorizeKey, password, type Sshd, startSshd } from "../../../../scripts/openssh/sshd.ts";
import { buildNacre, commandLine, ended, nacre, start, TestTerminal } from "./nacre.ts";

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

let bastion: Sshd;
let inner: Sshd;
let folder: string;
let common: string[];
let target: Server;
let targetPort: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nacre-forward-"));
  buildNacre(folder);
  const key = generateEd25519(random);
  const keyFile = join(folder, "key");
  writeFileSync(keyFile, await inSlices(formatPrivateKey(key, { format: "openssh", random })), { mode: 0o600 });
  await authorizeKey("alice", formatPublicKeyLine(key.publicKey));
  [bastion, inner] = await Promise.all([startSshd({ hostKeys: ["ed25519"] }), startSshd({ hostKeys: ["ed25519"] })]);
  const knownHosts = join(folder, "known_hosts");
  writeFileSync(
    knownHosts,
    [bastion, inner].map(({ port, hostPublicKeys }) => `[127.0.0.1]:${port} ${hostPublicKeys[0]}\n`).join(""),
  );
  common = ["-i", keyFile, "--known-hosts", knownHosts];
  // Answers with what it got, in capitals, when that has ended.
  target = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    let received = "";
    socket.on("data", (chunk) => (received += chunk.toString()));
    socket.on("end", () => socket.end(received.toUpperCase()));
  });
  targetPort = await listenAnywhere(target);
});

afterAll(async () => {
  target?.close();
  await Promise.all([bastion?.stop(), inner?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

const running = new Set<number>();
afterEach(() => {
  for (const pid of running) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  }
  running.clear();
});

async function listenAnywhere(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}

async function unusedPort(): Promise<number> {
  const server = createServer();
  const port = await listenAnywhere(server);
  server.close();
  await once(server, "close");
  return port;
}

/** These options, and the bastion as destination. */
const atBastion = (...options: string[]): string[] => [
  ...common,
  "-p",
  `${bastion.port}`,
  ...options,
  "alice@127.0.0.1",
];

/** Sends, ends, and returns the answer. */
function ask(where: { readonly port: number } | { readonly path: string }, question: string): Promise<string> {
  const socket = connect({ ...where, host: "127.0.0.1", allowHalfOpen: true });
  socket.end(question);
  return text(socket);
}

/** Waits until something listens. */
async function untilOpen(where: { readonly port: number } | { readonly path: string }): Promise<void> {
  for (;;) {
    const socket: Socket = connect({ ...where, host: "127.0.0.1" });
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A `nacre` that goes on until the end of the test. */
function tunnel(...words: string[]): ReturnType<typeof start> {
  const child = start(commandLine(words));
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

/** Everything that a program's standard error says until it has this in it. */
function untilSaid(child: ReturnType<typeof start>, words: RegExp): Promise<RegExpExecArray> {
  let said = "";
  return new Promise((resolve, reject) => {
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const match = words.exec(said);
      if (match !== null) resolve(match);
    });
    child.on("close", () => reject(new Error(`it ended: ${said}`)));
  });
}

describe("-J", () => {
  test("reaches a host through another, which sees no session", async () => {
    const words = [...common, "-J", `alice@127.0.0.1:${bastion.port}`, "-p", `${inner.port}`, "alice@127.0.0.1"];
    expect(await nacre([...words, "echo in"])).toMatchObject({ status: 0, stderr: "", stdout: Buffer.from("in\n") });
    const log = await bastion.log();
    expect(log).toMatch(/Accepted publickey for alice/);
    expect(log).not.toContain("Starting session");
    expect(await inner.log()).toContain("Starting session: command for alice");
  });

  test("goes through two, the second twice", async () => {
    const hops = [bastion, inner].map(({ port }) => `alice@127.0.0.1:${port}`).join(",");
    const words = [...common, "-J", hops, "-p", `${inner.port}`, "alice@127.0.0.1", "echo in"];
    expect(await nacre(words)).toMatchObject({ status: 0, stderr: "", stdout: Buffer.from("in\n") });
  });

  test("names the jump host that is not known, and --host-key is not about it", async () => {
    const words = ["-J", `alice@127.0.0.1:${bastion.port}`, "--known-hosts", "/dev/null", "alice@127.0.0.1", "true"];
    const { status, stderr } = await nacre(words);
    expect(status).toBe(255);
    expect(stderr).toMatch(
      new RegExp(`^nacre: jump host 127.0.0.1 port ${bastion.port}: the host key .* \\[host-key-unknown\\]\\n$`),
    );
    expect(stderr).not.toContain("--host-key");
  });

  test("asks for the password at each host", async () => {
    const words = [...common.slice(2), "-J", `alice@127.0.0.1:${bastion.port}`, "-p", `${inner.port}`];
    const command = commandLine([...words, "alice@127.0.0.1", "echo in"]).map((word) => `'${word}'`);
    const terminal = new TestTerminal(`export NACRE_TEST_HOME='${folder}'; ${command.join(" ")}; echo "status $?"`);
    await terminal.until(`Password for alice@127.0.0.1: `);
    terminal.type(`${password()}\r`);
    await terminal.until(`Password for alice@127.0.0.1: `);
    terminal.type(`${password()}\r`);
    await terminal.until("in\r\n");
    await terminal.until("status 0");
  });
});

describe("-W", () => {
  test("joins standard input and output to a target, each to its end", async () => {
    const words = atBastion("-W", `127.0.0.1:${targetPort}`);
    expect(await nacre(words, "through the tunnel")).toMatchObject({
      status: 0,
      stderr: "",
      stdout: Buffer.from("THROUGH THE TUNNEL"),
    });
  });

  test("carries an ssh of OpenSSH as its ProxyCommand", async () => {
    const proxy = commandLine(atBastion("-W", "%h:%p")).join(" ");
    const words = ["-F", "/dev/null", "-o", `ProxyCommand=${proxy}`, "-i", common[1]!, "-o", "IdentitiesOnly=yes"];
    const known = ["-o", `UserKnownHostsFile=${common[3]}`, "-o", "BatchMode=yes", "-p", `${inner.port}`];
    const child = start(["ssh", ...words, ...known, "alice@127.0.0.1", "echo in"]);
    expect(await ended(child)).toMatchObject({ status: 0, stdout: Buffer.from("in\n") });
  });

  test("ends the output with the target's, although the input goes on", async () => {
    const server = createServer((socket) => socket.end("bye"));
    const port = await listenAnywhere(server);
    const child = tunnel(...atBastion("-W", `127.0.0.1:${port}`));
    expect(await text(child.stdout)).toBe("bye");
    child.stdin.end();
    server.close();
  });

  test("fails with 255 and one line when the target cannot be reached", async () => {
    const { status, stderr } = await nacre(atBastion("-W", `127.0.0.1:${await unusedPort()}`));
    expect(status).toBe(255);
    expect(stderr).toMatch(/^nacre: cannot connect to 127\.0\.0\.1:\d+: [^\n]+ \[forward-unreachable\]\n$/);
  });
});
