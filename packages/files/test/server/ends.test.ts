import { memoryFileSystem, type SftpServerLogEvent } from "@nacre/files/server";
import { SSH_FX, SSH_FXF } from "@nacre/sftp";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { describe, expect, it } from "vitest";
import { RawClient } from "./raw-client.ts";
import { counted, openServed, withMethods } from "./support.ts";

const path = (text: string): Uint8Array => new TextEncoder().encode(text);
const CREATE = SSH_FXF.READ | SSH_FXF.WRITE | SSH_FXF.CREAT;

describe("the end of a session", () => {
  it("closes every file and directory that the client left open", async () => {
    const { fileSystem, open } = counted();
    const { sftp, events } = await openServed(fileSystem);
    await sftp.writeFile("f", "x");
    await sftp.open("f");
    await sftp.open("f", "r+");
    await expect.poll(open, { timeout: 10_000 }).toBe(2);
    await sftp.close();
    await expect.poll(open, { timeout: 10_000 }).toBe(0);
    await expect.poll(() => events.map(({ type }) => type), { timeout: 10_000 }).toContain("session-ended");
  });

  it("closes files when the connection breaks", async () => {
    const { fileSystem, open } = counted();
    const { sftp, connection } = await openServed(fileSystem);
    await sftp.writeFile("f", "x");
    await sftp.open("f");
    connection.close().catch(() => {});
    await expect.poll(open, { timeout: 10_000 }).toBe(0);
  });

  it("closes a file whose open ends after the channel", async () => {
    const { fileSystem, open } = counted();
    let go!: () => void;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const slow = withMethods(fileSystem, {
      open: async (...args) => {
        await gate;
        return fileSystem.open(...args);
      },
    });
    const client = await RawClient.start(slow);
    void client.open("f", CREATE);
    await new Promise((resolve) => setTimeout(resolve));
    client.close();
    go();
    await client.ended;
    expect(open()).toBe(0);
  });

  it("does not start requests that waited when the channel closed", async () => {
    const calls: string[] = [];
    let go!: () => void;
    const memory = memoryFileSystem();
    const slow = withMethods(memory, {
      mkdir: async (name) => {
        calls.push(name);
        await new Promise<void>((resolve) => {
          go = resolve;
        });
      },
    });
    const client = await RawClient.start(slow);
    await client.request({ type: "lstat", path: path("/") });
    for (const name of ["a", "b", "c"]) void client.request({ type: "mkdir", path: path(name), attributes: {} });
    expect(calls).toEqual(["a"]);
    client.close();
    go();
    await client.ended;
    expect(calls).toEqual(["a"]);
  });

  it("reports a close that fails, and ends", async () => {
    const log: SftpServerLogEvent[] = [];
    const fault = new Error("no");
    const memory = memoryFileSystem();
    const broken = withMethods(memory, {
      open: async (...args) =>
        Object.assign(await memory.open(...args), {
          close: async () => {
            throw fault;
          },
        }),
    });
    const client = await RawClient.start(broken, { log: (event) => log.push(event) });
    await client.open("f", CREATE);
    client.close();
    await client.ended;
    expect(log).toEqual([{ type: "failed", request: "close", path: "f", error: fault }]);
  });

  it("answers the requests before the client's EOF, and sends all of the answers", async () => {
    const client = await RawClient.start(memoryFileSystem());
    await client.request({ type: "lstat", path: path("/") });
    client.room = 10;
    const answers = ["/", "/missing"].map((name) => client.request({ type: "stat", path: path(name) }));
    client.eof();
    let isOver = false;
    void client.ended.then(() => {
      isOver = true;
    });
    await new Promise((resolve) => setTimeout(resolve));
    expect(isOver).toBe(false);
    client.makeRoom(10_000);
    expect(await Promise.all(answers)).toMatchObject([
      { type: "attributes" },
      { type: "status", status: SSH_FX.NO_SUCH_FILE, message: "No such file or directory" },
    ]);
    await client.ended;
  });

  it("is an error when the client violates the protocol", async () => {
    const client = await RawClient.start(memoryFileSystem());
    await client.open("f", CREATE);
    client.send(new Uint8Array([0xff, 0xff, 0xff, 0xff]));
    expect(await failure(client.ended)).toEqual(code("packet-length"));
  });
});

describe("the order of requests by path", () => {
  it("runs reads together, and a change after all earlier requests and before later ones", async () => {
    const calls: string[] = [];
    const settle = new Map<string, () => void>();
    const waits = (name: string): Promise<void> => {
      calls.push(name);
      return new Promise((resolve) => settle.set(name, resolve));
    };
    const slow = withMethods(memoryFileSystem(), {
      stat: async (name) => {
        await waits(`stat ${name}`);
        return {};
      },
      remove: (name) => waits(`remove ${name}`),
    });
    const client = await RawClient.start(slow);
    await client.request({ type: "lstat", path: path("/") });
    const answers = [
      client.request({ type: "stat", path: path("a") }),
      client.request({ type: "stat", path: path("b") }),
      client.request({ type: "remove", path: path("c") }),
      client.request({ type: "remove", path: path("d") }),
      client.request({ type: "stat", path: path("e") }),
    ];
    expect(calls).toEqual(["stat a", "stat b"]);
    settle.get("stat b")!();
    settle.get("stat a")!();
    await expect.poll(() => calls.slice(2), { timeout: 10_000 }).toEqual(["remove c"]);
    settle.get("remove c")!();
    await expect.poll(() => calls.slice(3), { timeout: 10_000 }).toEqual(["remove d"]);
    settle.get("remove d")!();
    await expect.poll(() => calls.slice(4), { timeout: 10_000 }).toEqual(["stat e"]);
    settle.get("stat e")!();
    await Promise.all(answers);
  });
});
