import { type Sftp, SSH_FX, sftp, upload } from "@nacre/files";
import { encodeReply } from "@nacre/sftp";
import { LOST } from "@nacre/testing/nacre/fake-channel";
import { MemoryLocalFiles } from "@nacre/testing/nacre/memory-local-files";
import { MemorySftp } from "@nacre/testing/nacre/memory-sftp";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { describe, expect, it } from "vitest";
import { openMemorySftp } from "./support.ts";

/** A server that answers no request of these types. */
const silent = (...types: string[]): ConstructorParameters<typeof MemorySftp>[0] => ({
  answer: ({ request }) => types.includes(request.type),
});

/** Calls that wait for a server that answers only "open", "opendir" and "close". */
const calls: readonly [name: string, use: (sftp: Sftp, signal?: AbortSignal) => Promise<unknown>][] = [
  ["stat", (sftp, signal) => sftp.stat("f", { signal })],
  ["readFile", (sftp, signal) => sftp.readFile("f", { signal })],
  ["writeFile", (sftp, signal) => sftp.writeFile("g", new Uint8Array(5_000_000), { signal })],
  ["writeFile of an iterable that waits", (sftp, signal) => sftp.writeFile("g", waiting(), { signal })],
  ["readdir", (sftp, signal) => sftp.readdir(".", { signal })],
  ["rm", (sftp, signal) => sftp.rm("f", { signal })],
  ["cp", (sftp, signal) => sftp.cp("f", "g", { signal })],
  ["createReadStream", (sftp, signal) => sftp.createReadStream("f", { signal }).getReader().read()],
  [
    "createWriteStream",
    async (sftp, signal) => {
      const writer = sftp.createWriteStream("g", { signal }).getWriter();
      writer.closed.catch(() => {});
      writer.write("x").catch(() => {});
      await writer.close();
    },
  ],
  ["read of a handle", async (sftp, signal) => (await sftp.open("f")).read(new Uint8Array(9), { signal })],
  ["readLines", async (sftp, signal) => (await sftp.open("f")).readLines({ signal }).next()],
  ["sync", async (sftp, signal) => (await sftp.open("f")).sync({ signal })],
];
const ANSWERED = ["open", "opendir", "close"];

it.each(calls)("an aborted %s has the caller's frame in its stack", async (_, use) => {
  const { sftp, server } = await openSilent();
  const controller = new AbortController();
  const theCaller = async (): Promise<void> => void (await use(sftp, controller.signal));
  const running = failure(theCaller());
  await underWay(server);
  setTimeout(() => controller.abort());
  const { stack } = (await running) as Error;
  expect(stack?.match(/theCaller/g)).toHaveLength(1);
});

async function* waiting(): AsyncGenerator<string, void> {
  yield "first";
  await new Promise(() => {});
}

async function openSilent(): Promise<{ sftp: Sftp; server: MemorySftp }> {
  let isSilent = false;
  const { sftp, server } = await openMemorySftp({
    answer: ({ request }) => isSilent && !ANSWERED.includes(request.type),
  });
  await sftp.writeFile("f", "123");
  isSilent = true;
  return { sftp, server };
}

/** Resolves when the server has a request that it does not answer. */
const underWay = (server: MemorySftp): Promise<void> =>
  expect
    .poll(() => server.requests.at(-1), { timeout: 10_000 })
    .toSatisfy((type: string) => !ANSWERED.includes(type)) as Promise<void>;

describe("opening", () => {
  it("sends the subsystem request and the first packet without waiting in between", async () => {
    const server = new MemorySftp();
    const events: string[] = [];
    const opener = {
      async openChannel(type: string) {
        const channel = await server.openChannel();
        const write = channel.write.bind(channel);
        Object.assign(channel, {
          write: (bytes: Uint8Array) => {
            events.push(`write ${bytes.length}`);
            return write(bytes);
          },
          start: (name: string) => {
            events.push(`${type} ${name}`);
            return new Promise<void>(() => {});
          },
        });
        return channel;
      },
    };
    await using client = await sftp(opener);
    expect(events.slice(0, 2)).toEqual(["session subsystem", "write 9"]);
    expect(client.extensions.get("posix-rename@openssh.com")).toBe("1");
    await expect.poll(() => client.serverLimits.maxReadLength, { timeout: 10_000 }).toBe(261_120);
  });

  it("rejects if the server refuses the subsystem, and closes the channel", async () => {
    const server = new MemorySftp({ refuses: true });
    expect(await failure(sftp(server))).toEqual(code("channel-request-failed"));
    expect(server.calls).toContain("close");
  });

  it("rejects with the error of the open, and with that of a lost connection", async () => {
    expect(await failure(sftp({ openChannel: () => Promise.reject(LOST) }))).toBe(LOST);
    const server = new MemorySftp();
    const opening = failure(sftp(server));
    await Promise.resolve();
    server.lose(LOST);
    expect(await opening).toBe(LOST);
  });

  it("rejects with `aborted` before, during and after the open of the channel, and closes it", async () => {
    const server = new MemorySftp();
    expect(await failure(sftp(server, { signal: AbortSignal.abort("no") }))).toMatchObject({
      code: "aborted",
      cause: "no",
    });
    expect(server.opened).toBe(0);

    const controller = new AbortController();
    let open: (() => void) | undefined;
    const late = {
      openChannel: async () => {
        await new Promise<void>((resolve) => {
          open = resolve;
        });
        return server.openChannel();
      },
    };
    const opening = failure(sftp(late, { signal: controller.signal }));
    controller.abort();
    expect(await opening).toEqual(code("aborted"));
    open!();
    await expect.poll(() => server.calls, { timeout: 10_000 }).toEqual(["close"]);

    const mute = new MemorySftp({ window: 0 });
    const second = new AbortController();
    const waits = failure(sftp(mute, { signal: second.signal }));
    await expect.poll(() => mute.calls, { timeout: 10_000 }).toEqual(["subsystem"]);
    second.abort();
    expect(await waits).toEqual(code("aborted"));
    await expect.poll(() => mute.calls, { timeout: 10_000 }).toEqual(["subsystem", "close"]);
  });

  it("rejects unknown options", async () => {
    expect(await failure(sftp(new MemorySftp(), { sginal: undefined } as object))).toEqual(code("usage"));
  });
});

describe("a call whose request the server does not answer", () => {
  it.each(calls)("%s rejects with `aborted`", async (_, use) => {
    const { sftp, server } = await openSilent();
    const controller = new AbortController();
    const result = failure(use(sftp, controller.signal));
    await underWay(server);
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await result).toMatchObject({ code: "aborted", cause: reason });
  });

  it("reports a timeout of the signal", async () => {
    const { sftp } = await openSilent();
    const error = await failure(sftp.stat("/file", { signal: AbortSignal.timeout(1) }));
    expect(error).toMatchObject({ message: 'stat "/file" timed out; the server may still carry it out' });
  });

  it.each(calls)("%s rejects with `closed` after `close`", async (_, use) => {
    const { sftp, server } = await openSilent();
    const result = failure(use(sftp));
    await underWay(server);
    await sftp.close();
    expect(await result).toEqual(code("closed"));
    expect(await sftp.ended).toEqual(code("closed"));
    expect(await failure(use(sftp))).toEqual(code("closed"));
  });

  it.each(calls)("%s rejects with the error of a lost connection", async (_, use) => {
    const { sftp, server } = await openSilent();
    const result = failure(use(sftp));
    await underWay(server);
    server.lose(LOST);
    expect(await result).toBe(LOST);
    expect(await sftp.ended).toBe(LOST);
  });

  it.each(calls)("%s rejects with `aborted` if the signal has aborted before", async (_, use) => {
    const { sftp } = await openSilent();
    expect(await failure(use(sftp, AbortSignal.abort()))).toEqual(code("aborted"));
  });
});

it("closes a file that the server opens after the call was aborted", async () => {
  let answer: (() => void) | undefined;
  const { sftp, server } = await openMemorySftp({
    answer(event, machine) {
      if (event.request.type !== "open" || answer !== undefined) return false;
      answer = () => {
        const node = server.files.open("f", 0x8);
        machine.handle(event.token, { node, isAppend: false, unsent: [] });
        server.flush();
      };
      return true;
    },
  });
  const controller = new AbortController();
  const opening = failure(sftp.open("f", "r", { signal: controller.signal }));
  await expect.poll(() => answer, { timeout: 10_000 }).toBeDefined();
  controller.abort();
  expect(await opening).toEqual(code("aborted"));
  answer!();
  await expect.poll(() => server.requests.at(-1), { timeout: 10_000 }).toBe("close");
  expect(await sftp.exists("f")).toBe(true);
});

it("fails the calls under way when the server ends SFTP, and closes the channel", async () => {
  const { sftp, server } = await openMemorySftp(silent("stat"));
  const result = failure(sftp.stat("f"));
  await expect.poll(() => server.requests, { timeout: 10_000 }).toContain("stat");
  server.sendEof();
  expect(await result).toEqual(code("channel-closed"));
  expect(server.calls).toContain("close");
});

it("fails with the error that ended SFTP while it looks at a directory that exists", async () => {
  const local = new MemoryLocalFiles();
  for (const use of [
    (client: Sftp) => client.mkdir("d", { recursive: true }),
    (client: Sftp) => upload(client, { files: local, path: "/home" }, "d", { recursive: true }),
  ]) {
    const { sftp, server } = await openMemorySftp({
      answer({ request }) {
        if (request.type === "stat") server.lose(LOST);
        return request.type === "stat";
      },
    });
    await sftp.mkdir("d");
    expect(await failure(use(sftp))).toMatchObject({ code: LOST.code });
  }
});

it("ends SFTP when the server violates the protocol", async () => {
  const { sftp, server } = await openMemorySftp(silent("stat"));
  const result = failure(sftp.stat("f"));
  await expect.poll(() => server.requests, { timeout: 10_000 }).toContain("stat");
  const packet = encodeReply(77, { type: "status", status: SSH_FX.OK, message: "", languageTag: "" });
  server.send(new Uint8Array([0, 0, 0, packet.length, ...packet]));
  expect(await result).toEqual(code("unexpected-message"));
  expect(await sftp.ended).toEqual(code("unexpected-message"));
  expect(server.calls).toContain("close");
});

it("returns all window credit at once, also for what nobody reads", async () => {
  const { sftp, server } = await openMemorySftp();
  await sftp.writeFile("f", new Uint8Array(3_000_000));
  const stream = sftp.createReadStream("f");
  await expect
    .poll(() => server.requests.filter((type) => type === "read").length, { timeout: 10_000 })
    .toBeGreaterThan(2);
  expect(server.unconsumed).toBe(0);
  await stream.cancel();
});

it("leaves no listener on a signal", async () => {
  const { sftp } = await openMemorySftp();
  const controller = new AbortController();
  const { signal } = controller;
  await sftp.writeFile("f", "1", { signal });
  for (let i = 0; i < 50; i++) await sftp.readFile("f", { signal });
  // Aborting affects nothing that has ended.
  controller.abort();
  expect(await sftp.readFile("f", "utf8")).toBe("1");
});
