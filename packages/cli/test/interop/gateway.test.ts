import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { symlinkSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import WebSocket from "ws";
import { commandLine, installNacre } from "./nacre.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nacre-gateway-"));
  installNacre(folder);
  // `ws` and `redis` are the gateway's.
  symlinkSync(fileURLToPath(new URL("../../../gateway/node_modules", import.meta.url)), join(folder, "node_modules"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Starts `nacre gateway`, and collects the lines of its log. */
class Running {
  readonly lines: Record<string, unknown>[] = [];
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  #text = "";
  #wake = (): void => {};

  constructor(words: readonly string[]) {
    const [program = "", ...args] = commandLine(["gateway", "--log", "json", "-p", "0", ...words]);
    this.#child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    // After the last line of the log, unlike "exit".
    this.exited = once(this.#child, "close").then(([status]) => status as number | null);
    this.#child.stderr!.on("data", (chunk: Buffer) => {
      this.#text += chunk.toString();
      const lines = this.#text.split("\n");
      this.#text = lines.pop()!;
      for (const line of lines) this.lines.push(line.startsWith("{") ? JSON.parse(line) : { event: line });
      this.#wake();
    });
    onTestFinished(async () => {
      this.kill("SIGKILL");
      await this.exited;
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async until(event: string): Promise<Record<string, unknown>> {
    for (;;) {
      const found = this.lines.find((line) => line.event === event);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

async function echoPort(): Promise<number> {
  const server = createServer((socket) => socket.on("error", () => {}).pipe(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Makes a certificate for localhost. */
function certificate(): { cert: string; key: string } {
  const [cert, key] = [join(folder, "cert"), join(folder, "key")];
  execFileSync(
    "openssl",
    [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -days 1".split(" "),
      "-keyout",
      key,
      "-out",
      cert,
    ],
    { stdio: "ignore" },
  );
  return { cert, key };
}

test("nacre gateway relays plain bytes, logs each event, and ends on SIGTERM", async () => {
  const place = `127.0.0.1:${await echoPort()}`;
  const running = new Running([
    "--origin",
    "https://a.example",
    "--allow",
    place,
    "--plain",
    place,
    "--metrics",
    "--allow-missing-origin",
  ]);
  const { url } = await running.until("listening");
  const ws = new WebSocket(String(url), ["binary"]);
  await once(ws, "open");
  ws.send(Buffer.from("hello"));
  const [data] = (await once(ws, "message")) as [Buffer];
  expect(data.toString()).toBe("hello");
  const metrics = await fetch(String(url).replace("ws:", "http:").replace("/ssh", "/metrics"));
  expect(await metrics.text()).toContain("nacre_gateway_connections 1\n");
  running.kill("SIGTERM");
  await running.until("stopping");
  running.kill("SIGTERM");
  expect(await running.exited).toBe(0);
  expect(running.lines.map(({ event }) => event)).toEqual(["listening", "opened", "stopping", "closed", "stopped"]);
});

test("nacre gateway issues tickets over TLS to a server with the token", async () => {
  const { cert, key } = certificate();
  const token = join(folder, "token");
  await writeFile(token, `${"t".repeat(32)}\n`, { mode: 0o600 });
  const words = [
    "--origin",
    "https://a.example",
    "--allow",
    "b.example:22",
    "--cert",
    cert,
    "--key",
    key,
    "--issue-token",
    token,
  ];
  const running = new Running(words);
  const { url } = await running.until("listening");
  expect(url).toMatch(/^wss:/);
  const args = [
    "-sk",
    "-H",
    `Authorization: Bearer ${"t".repeat(32)}`,
    "-d",
    '{"origin":"https://a.example","host":"b.example","port":22}',
  ];
  const answer = execFileSync("curl", [...args, `${String(url).replace("wss:", "https:")}/issue`]).toString();
  expect(JSON.parse(answer)).toMatchObject({ expiresIn: 30_000 });
  running.kill("SIGHUP");
  expect(await running.exited).toBe(0);
});

test("nacre gateway disconnects a client that sends nothing or only part of a request, with TLS and without", async () => {
  const words = ["--origin", "https://a.example", "--allow", "b.example:22"];
  const { cert, key } = certificate();
  const gateways = [new Running(words), new Running([...words, "--cert", cert, "--key", key])];
  const closed = gateways.map(async (running) => {
    const { url } = await running.until("listening");
    const port = Number(new URL(String(url)).port);
    await Promise.all(["", "GET /ssh HTTP/1.1\r\n"].map((text) => endsAlone(port, text)));
  });
  await Promise.all(closed);
});

/** Connects and sends a text. Resolves when the server closes the connection. */
async function endsAlone(port: number, text: string): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {}).resume();
  if (text !== "") socket.write(text);
  await new Promise((resolve) => socket.once("close", resolve));
}

test.each([
  [["--origin", "null", "--allow", "b:22"], /not an origin.*\[usage\]/],
  [["--origin", "https://a.example", "--allow", "127.1:22"], /not a destination.*\[usage\]/],
  [
    ["--origin", "https://a.example", "--allow", "b:22", "--issue-token", "/dev/null"],
    /\/dev\/null.*not a regular file.*\[file-unreadable\]/,
  ],
  [
    ["--origin", "https://a.example", "--allow", "b:22", "--cert", "/nowhere", "--key", "/nowhere"],
    /cannot read \/nowhere.*\[file-unreadable\]/,
  ],
  [
    ["--origin", "https://a.example", "--allow", "b:22", "--tickets", "redis://:secret@127.0.0.1:1"],
    /cannot connect to the ticket store: ECONNREFUSED \[connection-failed\]/,
  ],
  [
    ["--origin", "https://a.example", "--allow", "b:22", "--listen", "192.0.2.1"],
    /cannot listen on 192\.0\.2\.1 port \d+: this machine has no such address \[listen-failed\]/,
  ],
])("nacre gateway %j reports the error in one line", async (words, message) => {
  const running = new Running(words);
  expect(await running.exited).toBe(255);
  expect(running.lines).toHaveLength(1);
  expect(running.lines[0]!.event).toMatch(message);
});
