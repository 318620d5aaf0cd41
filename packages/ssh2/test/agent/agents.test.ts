import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { expect, onTestFinished, test, vi } from "vitest";
import { BaseAgent, CygwinAgent, createAgent, isAgent, OpenSSHAgent, PageantAgent } from "../../src/agent/agents.ts";

const SECRET = "01234567-89ABCDEF-00112233-44556677";

function streamOf(agent: OpenSSHAgent): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    agent.getStream((error, stream) => (error ? reject(error) : resolve(stream!)));
  });
}

/** Makes a file that stands for a Unix socket of Cygwin. */
async function socketFile(content: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "nacre-ssh2-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "socket"), content);
  return join(folder, "socket");
}

/** Starts a TCP server on loopback. Resolves with its port. */
async function serve(accept: (socket: Socket) => void): Promise<number> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => {});
    accept(socket);
  });
  server.listen(0, "localhost");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test("createAgent chooses by platform and path", () => {
  const platform = vi.spyOn(process, "platform", "get");
  onTestFinished(() => platform.mockRestore());
  platform.mockReturnValue("linux");
  for (const path of ["/run/agent", "pageant", "\\\\.\\pipe\\x"])
    expect(createAgent(path).constructor).toBe(OpenSSHAgent);
  platform.mockReturnValue("win32");
  expect(createAgent("pageant").constructor).toBe(PageantAgent);
  for (const path of ["\\\\.\\pipe\\openssh-ssh-agent", "//./pipe/x"])
    expect(createAgent(path).constructor).toBe(OpenSSHAgent);
  for (const path of ["/tmp/ssh-x/agent.1", "\\\\.\\pipe\\"]) expect(createAgent(path).constructor).toBe(CygwinAgent);
});

test("isAgent takes agents of programs, and nothing that only looks like one", () => {
  class Own extends BaseAgent {}
  expect([
    isAgent(new Own()),
    isAgent(new OpenSSHAgent("x")),
    isAgent({ getIdentities() {}, sign() {} }),
    isAgent(null),
  ]).toEqual([true, true, false, false]);
});

test("PageantAgent says that Pageant is not running", async () => {
  await expect(streamOf(new PageantAgent())).rejects.toThrow("Pageant is not running");
});

test("CygwinAgent introduces itself twice, and passes the second connection", async () => {
  const received: string[] = [];
  const port = await serve((socket) => {
    let bytes = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length === 16) socket.write(bytes);
      if (bytes.length > 28) socket.write("reply");
      if (bytes.length !== 28) return;
      received.push(bytes.toString("hex"));
      // Process, user and group of the agent, in two parts.
      socket.write(Buffer.from("0100000002", "hex"));
      setImmediate(() => socket.write(Buffer.from("00000003000000", "hex")));
    });
  });
  const stream = await streamOf(new CygwinAgent(await socketFile(`!<socket >${port} s ${SECRET}\0`)));
  onTestFinished(() => void stream.destroy());
  const secret = "67452301efcdab893322110077665544";
  const own = Buffer.alloc(4);
  own.writeUInt32LE(process.pid);
  expect(received).toEqual([`${secret}${"00".repeat(12)}`, `${secret}${own.toString("hex")}0200000003000000`]);
  const answer = once(stream, "data");
  stream.write("request");
  expect(String((await answer)[0])).toBe("reply");
});

test("CygwinAgent fails if the handshake ends, and for a file that is not a socket", async () => {
  const port = await serve((socket) => socket.once("data", () => socket.end()));
  await expect(streamOf(new CygwinAgent(await socketFile(`!<socket >${port} s ${SECRET}`)))).rejects.toThrow(
    "Problem negotiating cygwin unix socket security",
  );
  await expect(streamOf(new CygwinAgent(await socketFile("a text")))).rejects.toThrow(
    "Malformed cygwin unix socket file",
  );
  await expect(streamOf(new CygwinAgent("/nonexistent/agent"))).rejects.toThrow("Invalid cygwin unix socket path");
});
