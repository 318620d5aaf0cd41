import { macrotask } from "@nacre/testing/macrotask";
import { utf8Encode } from "@nacre/wire";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { webDuplex } from "../src/mux/duplex.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** Opens a duplex over streams, and returns their far ends and a record of its callbacks. */
function opened() {
  const up = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: 1 });
  const down = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: 1 });
  const duplex = webDuplex({ readable: down.readable, writable: up.writable });
  const said: unknown[] = [];
  duplex.open({
    data: (chunk) => said.push(new TextDecoder().decode(chunk)),
    drained: () => said.push("drained"),
    ended: () => said.push("ended"),
    failed: (cause) => said.push(cause),
  });
  return { duplex, said, reader: up.readable.getReader(), writer: down.writable.getWriter() };
}

describe("end", () => {
  it("ends the stream once after written data and leaves the other direction open", async () => {
    const { duplex, said, reader, writer } = opened();
    duplex.write([utf8Encode("one"), utf8Encode("two")]);
    let ended = 0;
    for (let i = 0; i < 2; i++) void duplex.end().then(() => void ended++);
    await macrotask();
    expect(ended).toBe(0);
    const texts: string[] = [];
    for (let read = await reader.read(); !read.done; read = await reader.read())
      texts.push(new TextDecoder().decode(read.value));
    await macrotask();
    expect([texts, ended]).toEqual([["one", "two"], 2]);
    await writer.write(utf8Encode("answer"));
    await writer.close();
    await macrotask();
    expect(said.filter((event) => event !== "drained")).toEqual(["answer", "ended"]);
    await duplex.close();
  });

  it("resolves when the connection breaks before all data is taken", async () => {
    const { duplex, said, reader } = opened();
    const cause = new Error("unplugged");
    duplex.write([utf8Encode("one"), utf8Encode("two")]);
    const ending = duplex.end();
    await reader.cancel(cause);
    await ending;
    await macrotask();
    expect(said).toContain(cause);
    await duplex.close();
  });

  it("is aborted by close after two seconds if the data is not taken", async () => {
    const { duplex } = opened();
    duplex.write([utf8Encode("one"), utf8Encode("two")]);
    void duplex.end();
    const closing = duplex.close();
    await vi.advanceTimersByTimeAsync(2000);
    await closing;
  });
});

describe("pause", () => {
  it("delivers at most one pending chunk until resume", async () => {
    const { duplex, said, writer } = opened();
    await macrotask();
    duplex.pause();
    for (const text of ["one", "two", "three"]) writer.write(utf8Encode(text)).catch(() => {});
    await macrotask();
    expect(said).toEqual(["one"]);
    duplex.resume();
    await macrotask();
    expect(said).toEqual(["one", "two", "three"]);
    await duplex.close();
  });
});
