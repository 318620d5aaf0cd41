import { once } from "node:events";
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { Writer } from "@nacre/wire";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { redirectMessages } from "../src/say.ts";
import { controlMaster } from "../src/ssh/master/control.ts";
import { reachMaster } from "../src/ssh/master/control-socket.ts";
import { type MasterArguments, type MasterWork, runByMaster } from "../src/ssh/master/run-by-master.ts";
import { temporaryFolder } from "./support.ts";

const message = (type: number, number: number): Writer => new Writer().uint32(type).uint32(number);
const framed = (one: Writer): Uint8Array => new Writer().string(one.finish()).finish();
const HELLO = framed(message(1, 4));

/** Listens at a path, and passes each connection on. */
async function listenAt(path: string, onConnection: (socket: Socket) => void): Promise<Server> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    onConnection(socket);
  });
  server.listen(path);
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server;
}

/** Collects the messages for the user during this test. */
function messages(): string[] {
  const lines: string[] = [];
  redirectMessages((text) => void lines.push(text));
  onTestFinished(() => redirectMessages((text) => void process.stderr.write(text)));
  return lines;
}

const WORDS: MasterArguments = {
  controlPath: undefined,
  controlMaster: "no",
  onlyMaster: false,
  forwards: [],
  stdioTarget: undefined,
  namesHostKeys: false,
  forwardsAgent: false,
  hasSession: true,
  verbose: false,
};

const neverRun: MasterWork = {
  session: () => Promise.reject(new Error("ran")),
  stdio: () => Promise.reject(new Error("ran")),
};

test("master: a socket of another user · client", async () => {
  const path = join(await temporaryFolder(), "m");
  let connections = 0;
  await listenAt(path, (socket) => {
    connections++;
    socket.write(HELLO);
  });
  const own = process.getuid!();
  const getuid = vi.spyOn(process, "getuid").mockReturnValue(own + 1);
  onTestFinished(() => getuid.mockRestore());
  expect(await reachMaster(path)).toEqual({
    code: undefined,
    message: `Control socket connect(${path}): the socket belongs to another user`,
  });
  expect(connections).toBe(0);
});

test("master: a path that others can change · client", async () => {
  const folder = await temporaryFolder();
  let connections = 0;
  await listenAt(join(folder, "m"), () => connections++);
  mkdirSync(join(folder, "open"));
  symlinkSync("../m", join(folder, "open/m"));
  chmodSync(join(folder, "open"), 0o777);
  expect(await reachMaster(join(folder, "open/m"))).toEqual({
    code: undefined,
    message: expect.stringContaining(`: other users can write the folder ${folder}/open; `),
  });
  chmodSync(folder, 0o777);
  expect(await reachMaster(join(folder, "m"))).toMatchObject({
    message: expect.stringContaining(`: other users can write the folder ${folder}; `),
  });
  expect(connections).toBe(0);
});

test("master: a host key that was named · client", async () => {
  const path = join(await temporaryFolder(), "m");
  let connections = 0;
  await listenAt(path, (socket) => {
    connections++;
    socket.destroy();
  });
  const said = messages();
  const words = { ...WORDS, controlPath: path, namesHostKeys: true };
  expect(await runByMaster(words, neverRun)).toBeUndefined();
  expect(said).toEqual([]);
  expect(await runByMaster({ ...words, onlyMaster: true }, neverRun)).toBeUndefined();
  expect(said).toEqual([expect.stringContaining("remove --host-key and --known-hosts")]);
  expect(connections).toBe(0);
});

describe("a control socket", () => {
  test("that is missing, or left over, is passed over", async () => {
    const folder = await temporaryFolder();
    const missing = join(folder, "missing");
    expect(await reachMaster(missing)).toEqual({
      code: "ENOENT",
      message: `Control socket connect(${missing}): No such file or directory`,
    });
    const stale = join(folder, "stale");
    writeFileSync(stale, "");
    const refused = `Control socket connect(${stale}): Connection refused`;
    expect(await reachMaster(stale)).toEqual({ code: "ECONNREFUSED", message: refused });
    const said = messages();
    // As with ssh(1), ControlMaster=auto expects sockets that a master has left.
    expect(await runByMaster({ ...WORDS, controlPath: stale, controlMaster: "auto" }, neverRun)).toBeUndefined();
    expect(await runByMaster({ ...WORDS, controlPath: missing }, neverRun)).toBeUndefined();
    expect(said).toEqual([]);
    expect(await runByMaster({ ...WORDS, controlPath: stale }, neverRun)).toBeUndefined();
    expect(said.splice(0)).toEqual([`${refused}\n`]);
    expect(await controlMaster({ command: "check", path: missing, forwards: [] })).toBe(255);
    expect(said).toEqual([`nacre: Control socket connect(${missing}): No such file or directory\n`]);
  });

  test("of a master with the extension `info` shows connection and channels, escaped; another shows nothing", async () => {
    const folder = await temporaryFolder();
    await listenAt(join(folder, "new"), (socket) => {
      socket.write(framed(message(1, 4).string("info").string("0")));
      // The client's hello, then its request.
      let received = Buffer.alloc(0);
      socket.on("data", (chunk) => {
        received = Buffer.concat([received, chunk]);
        const about = ["connection", "channels"].find((name) => received.toString("latin1").endsWith(name));
        const text = `${about}\x1b\r\n  a\\b\r\n`;
        if (about !== undefined) socket.write(framed(message(0x90000001, 0).uint32(1).string(text)));
      });
    });
    await listenAt(join(folder, "old"), (socket) => void socket.write(HELLO));
    const said = messages();
    let printed = "";
    const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      printed += String(text);
      return true;
    });
    onTestFinished(() => write.mockRestore());
    for (const command of ["conninfo", "channels"]) {
      expect(await controlMaster({ command, path: join(folder, "new"), forwards: [] })).toBe(0);
      expect(await controlMaster({ command, path: join(folder, "old"), forwards: [] })).toBe(255);
      expect(said.splice(0)).toEqual(["nacre: mux server does not support info request\n"]);
    }
    expect(printed).toBe("connection\\x1b\r\n  a\\b\r\nchannels\\x1b\r\n  a\\b\r\n");
  });

  test("with a path that no socket can have is refused", async () => {
    await expect(reachMaster(`/${"p".repeat(200)}`)).rejects.toMatchObject({
      code: "usage",
      sshLine: expect.stringMatching(/^ControlPath too long \('\/p+' >= 10[48] bytes\)$/),
    });
  });

  test("of a program other than a master is closed, with a message", async () => {
    const path = join(await temporaryFolder(), "m");
    await listenAt(path, (socket) => void socket.write("HTTP/1.1 400 Bad Request\r\n"));
    const said = messages();
    expect(await runByMaster({ ...WORDS, controlPath: path }, neverRun)).toBeUndefined();
    expect(said).toEqual([
      expect.stringMatching(/^nacre: the master at .*m: the master sent a message of 1213486160 bytes/),
    ]);
    rmSync(path);
  });

  test("is not used where a master cannot help", async () => {
    const path = join(await temporaryFolder(), "m");
    let connections = 0;
    await listenAt(path, () => connections++);
    const words = { ...WORDS, controlPath: path };
    for (const one of [
      { ...words, forwardsAgent: true },
      { ...words, controlMaster: "yes" },
      { ...words, controlMaster: "ask" },
      WORDS,
    ] as const)
      expect(await runByMaster(one, neverRun)).toBeUndefined();
    expect(connections).toBe(0);
  });
});
