import { SSH_FX } from "@nacre/files";
import type { MemorySftp } from "@nacre/testing/nacre/memory-sftp";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { writeAt } from "@nacre/testing/sftp/memory-files";
import { describe, expect, it } from "vitest";
import { MOST_BYTES } from "../../src/blocks/depth.ts";
import { isSame, openMemorySftp, pattern } from "./support.ts";

type Answer = NonNullable<NonNullable<ConstructorParameters<typeof MemorySftp>[0]>["answer"]>;

/** A server that reads with `read` in place of the usual answer. */
const reading =
  (read: (offset: number, length: number) => Uint8Array | "end" | "usual"): Answer =>
  ({ token, request }, server) => {
    if (request.type !== "read") return false;
    const result = read(request.offset, request.length);
    if (result === "usual") return false;
    if (result === "end") server.status(token, SSH_FX.EOF);
    else server.data(token, result);
    return true;
  };

describe("reading", () => {
  it.each([
    ["one byte more than half of each block", (length: number) => (length >> 1) + 1],
    ["a third", (length: number) => Math.ceil(length / 3)],
    ["at most 5,000 bytes", (length: number) => Math.min(length, 5000)],
  ])("puts a file together from short replies: %s", async (_, shorten) => {
    const bytes = pattern(1_200_000);
    const { sftp } = await openMemorySftp({
      answer: reading(
        (offset, length) => bytes.slice(offset, Math.min(offset + shorten(length), bytes.length)) || "end",
      ),
    });
    await sftp.writeFile("f", bytes);
    const file = await sftp.open("f");
    expect(isSame(await bytesOf(sftp.createReadStream("f", { end: 1_199_998 })), bytes.subarray(0, -1))).toBe(true);
    const buffer = new Uint8Array(700_000);
    expect((await file.read(buffer, { position: 100_000 })).bytesRead).toBe(700_000);
    expect(isSame(buffer, bytes.subarray(100_000, 800_000))).toBe(true);
    await file.close();
  });

  it("reads whole files from short replies, of any length around a block", async () => {
    const { sftp, server } = await openMemorySftp({
      answer: (event, machine) => {
        const { token, request } = event;
        if (request.type !== "read") return false;
        const { data } = request.handle.node;
        const part = data.subarray(request.offset, request.offset + Math.min(request.length, 10_007));
        if (part.length === 0) machine.status(token, SSH_FX.EOF);
        else machine.data(token, part);
        return true;
      },
    });
    for (const length of [1, 10_007, 20_014, 261_119, 261_120, 261_121]) {
      const bytes = pattern(length);
      await sftp.writeFile("f", bytes);
      expect(isSame(await sftp.readFile("f"), bytes)).toBe(true);
    }
    await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
  });

  it("ends where a file ends that has become shorter", async () => {
    const bytes = pattern(3_000_000);
    let end = 3_000_000;
    const { sftp } = await openMemorySftp({
      answer: reading((offset, length) => {
        if (offset >= end) return "end";
        // The file is cut when the third block is read.
        if (offset > 500_000) end = 400_000;
        return offset >= end ? "end" : bytes.slice(offset, Math.min(offset + length, end));
      }),
    });
    await sftp.writeFile("f", bytes);
    expect(isSame(await sftp.readFile("f"), bytes.subarray(0, 522_240))).toBe(true);
    end = 3_000_000;
    expect(isSame(await bytesOf(sftp.createReadStream("f")), bytes.subarray(0, 522_240))).toBe(true);
  });

  it("reads what is appended while it reads", async () => {
    const { sftp, server } = await openMemorySftp({
      answer({ request }) {
        if (request.type === "read" && request.offset > 0 && server.files.find("f").data.length < 2_000_000)
          server.files.find("f").data = pattern(2_000_000);
        return false;
      },
    });
    await sftp.writeFile("f", pattern(600_000));
    expect(isSame(await sftp.readFile("f"), pattern(2_000_000))).toBe(true);
  });

  it("reads files whose size the server states wrongly, or not at all", async () => {
    for (const size of [undefined, 0n, 5n, 400_000n, 10_000_000n, 2n ** 63n]) {
      const { sftp } = await openMemorySftp({
        answer({ token, request }, machine) {
          if (request.type !== "fstat") return false;
          if (size === undefined) machine.status(token, SSH_FX.FAILURE);
          else machine.attributes(token, { size });
          return true;
        },
      });
      const bytes = pattern(1_000_000);
      await sftp.writeFile("f", bytes);
      expect(isSame(await bytesOf(sftp.createReadStream("f")), bytes)).toBe(true);
    }
  });

  it("takes answers in any order", async () => {
    const held: (() => void)[] = [];
    const { sftp, server } = await openMemorySftp({
      answer({ token, request }, machine) {
        if (request.type !== "read") return false;
        const { data } = request.handle.node;
        const part = data.subarray(request.offset, request.offset + request.length);
        held.push(() => (part.length === 0 ? machine.status(token, SSH_FX.EOF) : machine.data(token, part)));
        setTimeout(() => {
          for (const answer of held.splice(0).toReversed()) answer();
          server.flush();
        }, 0);
        return true;
      },
    });
    const bytes = pattern(2_500_000);
    await sftp.writeFile("f", bytes);
    expect(isSame(await sftp.readFile("f"), bytes)).toBe(true);
    expect(
      isSame(await bytesOf(sftp.createReadStream("f", { start: 10, end: 2_000_000 })), bytes.subarray(10, 2_000_001)),
    ).toBe(true);
  });

  it("reads ranges, also empty ones", async () => {
    const { sftp } = await openMemorySftp();
    const bytes = pattern(600_000);
    await sftp.writeFile("f", bytes);
    for (const [start, end] of [
      [0, 0],
      [5, 4],
      [261_119, 261_120],
      [300_000, 10_000_000],
      [700_000, 800_000],
    ] as const)
      expect(isSame(await bytesOf(sftp.createReadStream("f", { start, end })), bytes.subarray(start, end + 1))).toBe(
        true,
      );
  });

  it("requests no more than it may hold while nobody reads, and closes the file when the reader cancels", async () => {
    const { sftp, server } = await openMemorySftp();
    await sftp.writeFile("f", new Uint8Array(24_000_000));
    server.requests.length = 0;
    const stream = sftp.createReadStream("f");
    const reader = stream.getReader();
    expect((await reader.read()).done).toBe(false);
    await expect
      .poll(() => server.requests.filter((type) => type === "read").length, { timeout: 10_000 })
      .toBeGreaterThan(4);
    for (let i = 0; i < 200; i++) await Promise.resolve();
    const requested = server.requests.filter((type) => type === "read").length * sftp.serverLimits.maxReadLength;
    expect(requested).toBeLessThanOrEqual(MOST_BYTES + sftp.serverLimits.maxReadLength);
    expect(server.unconsumed).toBe(0);
    await reader.cancel();
    await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
  });

  it("fails with the status of a read, after the bytes before it", async () => {
    const bytes = pattern(1_000_000);
    const { sftp, server } = await openMemorySftp({
      answer({ token, request }, machine) {
        if (request.type !== "read" || request.offset < 500_000) return false;
        machine.status(token, SSH_FX.PERMISSION_DENIED, "no more");
        return true;
      },
    });
    await sftp.writeFile("f", bytes);
    const error = expect.objectContaining({ code: "sftp-permission-denied", call: "read", path: "f" });
    expect(await failure(sftp.readFile("f"))).toEqual(error);
    const reader = sftp.createReadStream("f").getReader();
    let length = 0;
    const all = async (): Promise<void> => {
      for (let part = await reader.read(); !part.done; part = await reader.read()) length += part.value.length;
    };
    expect(await failure(all())).toEqual(error);
    expect(length).toBeLessThanOrEqual(522_240);
    await expect.poll(() => server.server.handleCount, { timeout: 10_000 }).toBe(0);
  });
});

describe("writing", () => {
  it("combines short writes while others are under way", async () => {
    const { sftp, server } = await openMemorySftp({
      answer({ token, request }, machine) {
        if (request.type !== "write") return false;
        writeAt(request.handle.node, request.offset, request.data);
        setTimeout(() => {
          machine.status(token, SSH_FX.OK);
          server.flush();
        }, 0);
        return true;
      },
    });
    const writer = sftp.createWriteStream("f").getWriter();
    for (let i = 0; i < 5000; i++) void writer.write("0123456789");
    await writer.close();
    expect((await sftp.stat("f")).size).toBe(50_000);
    expect(server.requests.filter((type) => type === "write").length).toBeLessThan(100);
    expect(server.server.handleCount).toBe(0);
  });

  it("splits long chunks into equal blocks, and keeps short and long ones in order", async () => {
    const lengths: number[] = [];
    const { sftp } = await openMemorySftp({
      answer({ request }) {
        if (request.type === "write") lengths.push(request.data.length);
        return false;
      },
    });
    await expect.poll(() => sftp.serverLimits.maxWriteLength, { timeout: 10_000 }).toBe(261_120);
    const bytes = pattern(900_000);
    const cuts = [0, 10, 20, 262_164, 262_165, 300_000, 899_999, 900_000];
    await sftp.writeFile(
      "f",
      cuts.slice(1).map((end, i) => bytes.subarray(cuts[i], end)),
    );
    expect(isSame(await sftp.readFile("f"), bytes)).toBe(true);
    expect(lengths).toEqual(expect.arrayContaining([131_072, 131_072, 200_000, 200_000, 199_999]));
  });

  it("sends no more than the channel takes, and goes on when it takes more", async () => {
    const { sftp, server } = await openMemorySftp({ window: 10_000 });
    const bytes = pattern(3_000_000);
    await sftp.writeFile("f", bytes);
    expect(isSame(await sftp.readFile("f"), bytes)).toBe(true);
    const writer = sftp.createWriteStream("g").getWriter();
    await writer.write(bytes);
    await writer.write("end");
    await writer.close();
    expect((await sftp.stat("g")).size).toBe(3_000_003);
    expect(server.server.handleCount).toBe(0);
  });

  it("has several requests under way, and no more bytes than it may", async () => {
    let most = 0;
    let underWay = 0;
    const { sftp, server } = await openMemorySftp({
      limits: { maxPendingBytes: 64 * 1024 * 1024, maxRequests: 4096 },
      answer({ token, request }, machine) {
        if (request.type !== "write") return false;
        underWay += request.data.length;
        most = Math.max(most, underWay);
        setTimeout(() => {
          underWay -= request.data.length;
          machine.status(token, SSH_FX.OK);
          server.flush();
        }, 1);
        return true;
      },
    });
    await sftp.writeFile("f", new Uint8Array(40_000_000));
    expect(most).toBeGreaterThan(1_000_000);
    expect(most).toBeLessThanOrEqual(MOST_BYTES);
  });

  it("starts at a position, and appends with the flag", async () => {
    const { sftp } = await openMemorySftp();
    await sftp.writeFile("f", "0123456789");
    const at = async (options: Parameters<typeof sftp.createWriteStream>[1], data: string): Promise<void> => {
      const writer = sftp.createWriteStream("f", options).getWriter();
      await writer.write(data);
      await writer.close();
    };
    await at({ flags: "r+", start: 4 }, "xy");
    await at({ flags: "a" }, "end");
    expect(await sftp.readFile("f", "utf8")).toBe("0123xy6789end");
  });

  it("fails the stream with the error of opening, of a write, and of closing", async () => {
    let fails = "open";
    const { sftp, server } = await openMemorySftp({
      answer({ token, request }, machine) {
        if (request.type !== fails) return false;
        machine.status(token, SSH_FX.FAILURE);
        return true;
      },
    });
    for (fails of ["open", "write", "close"]) {
      const writer = sftp.createWriteStream("f").getWriter();
      writer.closed.catch(() => {});
      writer.write("data").catch(() => {});
      expect(await failure(writer.close())).toMatchObject({ code: "sftp-failure" });
      await expect.poll(() => server.server.requestCount, { timeout: 10_000 }).toBe(0);
    }
  });

  it("stops and closes the file when the stream is aborted", async () => {
    const { sftp, server } = await openMemorySftp({ answer: ({ request }) => request.type === "write" });
    const writer = sftp.createWriteStream("f").getWriter();
    writer.closed.catch(() => {});
    const written = failure(writer.write(new Uint8Array(1_000_000)));
    await expect.poll(() => server.requests.includes("write"), { timeout: 10_000 }).toBe(true);
    const closing = failure(writer.close());
    const aborted = failure(writer.abort());
    await written;
    expect(await closing).toEqual(code("closed"));
    await aborted;
    // The close of the file waits for its write, which this server never answers.
    await expect.poll(() => server.server.requestCount, { timeout: 10_000 }).toBeGreaterThan(1);
  });
});

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
  }
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

it("runs several transfers at the same time without mixing their bytes", async () => {
  const { sftp } = await openMemorySftp({ window: 100_000 });
  const files = Array.from({ length: 8 }, (_, i) => pattern(400_000 + 50_000 * i).map((byte) => byte ^ i));
  await Promise.all(files.map((bytes, i) => sftp.writeFile(`f${i}`, bytes)));
  const read = await Promise.all(
    files.map((_, i) => (i % 2 ? sftp.readFile(`f${i}`) : bytesOf(sftp.createReadStream(`f${i}`)))),
  );
  expect(read.every((bytes, i) => isSame(bytes, files[i]!))).toBe(true);
});

it("rejects a transfer on an ended channel", async () => {
  const { sftp } = await openMemorySftp();
  await sftp.writeFile("f", "1");
  const file = await sftp.open("f", "r+");
  await sftp.close();
  expect(await failure(file.read(new Uint8Array(1)))).toEqual(code("closed"));
  expect(await failure(file.write("x"))).toEqual(code("closed"));
  expect(await failure(bytesOf(file.createReadStream()))).toEqual(code("closed"));
  await file.close();
});
