import { memoryFileSystem } from "@nacre/files/server";
import { SSH_FXF } from "@nacre/sftp";
import { latin1 } from "@nacre/testing/bytes";
import { utf8Encode } from "@nacre/wire";
import { describe, expect, it, onTestFinished } from "vitest";
import { put } from "../scp/support.ts";
import { RawClient } from "./raw-client.ts";
import { withMethods } from "./support.ts";

const { READ, WRITE, APPEND, CREAT, TRUNC, EXCL } = SSH_FXF;
const path = utf8Encode("f");

describe("requests by path", () => {
  it.each([WRITE, APPEND, CREAT, TRUNC, READ | WRITE, READ | CREAT, READ | TRUNC, WRITE | CREAT | EXCL])(
    "wait for an open that changes something: flags %i",
    async (flags) => {
      const { client, calls, finish, barrier } = await slowOpens();
      const opened = client.request({ type: "open", path, flags, attributes: {} });
      const found = client.request({ type: "stat", path });
      await barrier();
      expect(calls).toEqual(["open"]);
      finish();
      await Promise.all([opened, found]);
      expect(calls).toEqual(["open", "stat"]);
    },
  );

  it("do not wait for an open that only reads, but a change of the file does", async () => {
    const { client, calls, finish, barrier } = await slowOpens();
    const opened = client.request({ type: "open", path, flags: READ, attributes: {} });
    const found = client.request({ type: "stat", path });
    const changed = client.request({ type: "setstat", path, attributes: {} });
    await barrier();
    expect(calls).toEqual(["open", "stat"]);
    finish();
    await Promise.all([opened, found, changed]);
    expect(calls).toEqual(["open", "stat", "setstat"]);
  });
});

describe("requests by path after changes through a handle", () => {
  it.each(["write", "fsetstat"] as const)("wait for one that has begun, and not for a later one: %s", async (type) => {
    const memory = memoryFileSystem();
    await put(memory, "/f", "");
    const calls: string[] = [];
    const waiting: (() => void)[] = [];
    const slow = (name: string) => async () => {
      calls.push(name);
      await new Promise<void>((resolve) => waiting.push(resolve));
    };
    const client = await RawClient.start(
      withMethods(memory, {
        open: async (...args) =>
          Object.assign(await memory.open(...args), { write: slow("write"), setstat: slow("fsetstat") }),
        setstat: async (...args) => {
          calls.push("setstat");
          return memory.setstat(...args);
        },
      }),
    );
    const [first, second, third] = [
      await client.open("f", WRITE),
      await client.open("f", WRITE),
      await client.open("f", READ),
    ];
    const change = (handle: Uint8Array): Parameters<RawClient["request"]>[0] =>
      type === "write"
        ? { type, handle, offset: 0, data: utf8Encode("a") }
        : { type, handle, attributes: { permissions: 0o600 } };
    const changed = client.request(change(first));
    const set = client.request({ type: "setstat", path, attributes: {} });
    const changedLater = client.request(change(second));
    await client.request({ type: "fstat", handle: third });
    expect(calls).toEqual([type, type]);
    waiting[0]!();
    await Promise.all([changed, set]);
    expect(calls).toEqual([type, type, "setstat"]);
    waiting[1]!();
    await changedLater;
    client.close();
    await client.ended;
  });
});

/** A client of a file system whose opens take until `finish` is called. Its server is closed after the test. */
async function slowOpens(): Promise<{
  readonly client: RawClient;
  /** Calls by path that the file system has received. */
  readonly calls: readonly string[];
  finish(this: void): void;
  /** Resolves when the server has answered a later request that is on a handle. */
  barrier(this: void): Promise<unknown>;
}> {
  const memory = memoryFileSystem();
  for (const name of ["/f", "/g"]) await put(memory, name, "");
  const calls: string[] = [];
  const waiting: (() => void)[] = [];
  const client = await RawClient.start(
    withMethods(memory, {
      open: async (...args) => {
        if (args[0] === "g") return memory.open(...args);
        calls.push("open");
        await new Promise<void>((resolve) => waiting.push(resolve));
        return memory.open(...args);
      },
      stat: async (path) => {
        calls.push("stat");
        return memory.stat(path);
      },
      setstat: async (...args) => {
        calls.push("setstat");
        return memory.setstat(...args);
      },
    }),
  );
  onTestFinished(async () => {
    client.close();
    await client.ended;
  });
  const handle = await client.open("g", READ);
  const finish = (): void => {
    for (const open of waiting) open();
  };
  return { client, calls, finish, barrier: () => client.request({ type: "fstat", handle }) };
}

describe("a copy on the server", () => {
  it.each(["readNow", "read"] as const)("writes what was read, also when %s shares its buffer", async (way) => {
    const memory = memoryFileSystem();
    await put(memory, "/from", "abcdef");
    const shared = new Uint8Array(256 * 1024);
    const read = (offset: number, length: number): Uint8Array => {
      const bytes = utf8Encode("abcdef").subarray(offset, offset + Math.min(length, 2));
      shared.set(bytes);
      return shared.subarray(0, bytes.length);
    };
    let written = "";
    const client = await RawClient.start(
      withMethods(memory, {
        open: async (...args) => {
          const file = await memory.open(...args);
          return Object.assign(file, {
            readNow: way === "readNow" ? read : undefined,
            read: async (offset: number, length: number) => read(offset, length),
            write: async (_: number, data: Uint8Array) => {
              // Another file is read meanwhile.
              shared.fill(0x78);
              written += latin1(data);
            },
          });
        },
      }),
    );
    const [readHandle, writeHandle] = [await client.open("/from", READ), await client.open("/to", WRITE | CREAT)];
    const copied = { type: "copy-data", readHandle, readOffset: 0, length: 0, writeHandle, writeOffset: 0 } as const;
    expect(await client.request(copied)).toMatchObject({ type: "status", status: 0 });
    expect(written).toBe("abcdef");
    client.close();
    await client.ended;
  });
});

describe("a listing", () => {
  it("begins with . and .., as that of OpenSSH's server", async () => {
    const memory = memoryFileSystem();
    await memory.mkdir("/d", { permissions: 0o700 });
    await memory.mkdir("/d/e", { permissions: 0o711 });
    await put(memory, "/d/e/f", "");
    await memory.symlink("d/e", "/l");
    const client = await RawClient.start(memory);
    for (const [path, modes] of [
      ["d/e", [0o711, 0o700]],
      ["/l", [0o711, 0o700]],
      ["/d", [0o700, 0o755]],
      ["", [0o755, 0o755]],
    ] as const) {
      const opened = await client.request({ type: "opendir", path: utf8Encode(path) });
      if (opened.type !== "handle") throw new Error(`the open was answered with "${opened.type}"`);
      const names: string[] = [];
      const found: number[] = [];
      for (;;) {
        const answer = await client.request({ type: "readdir", handle: opened.handle });
        if (answer.type !== "names") break;
        names.push(...answer.names.map(({ filename }) => latin1(filename)));
        found.push(...answer.names.map(({ attributes }) => attributes.permissions! & 0o777));
      }
      expect(names.slice(0, 2)).toEqual([".", ".."]);
      expect(new Set(names).size).toBe(names.length);
      expect(found.slice(0, 2)).toEqual(modes);
    }
    client.close();
    await client.ended;
  });

  it.each([
    ["does not find it", () => Promise.reject(new Error("a bucket has no parents"))],
    [
      "throws at once",
      () => {
        throw new Error("a bucket has no parents");
      },
    ],
  ])("leaves out .. if the file system %s", async (_, stat) => {
    const client = await RawClient.start(withMethods(memoryFileSystem(), { stat }));
    const opened = await client.request({ type: "opendir", path: utf8Encode("/") });
    const answer = await client.request({ type: "readdir", handle: (opened as { handle: Uint8Array }).handle });
    expect(answer.type === "names" && answer.names.map(({ filename }) => latin1(filename))).toEqual(["."]);
    client.close();
    await client.ended;
  });
});
