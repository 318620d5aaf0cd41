import { failure } from "@nacre/testing/nacre/outcomes";
import { open, visitor, wire } from "@nacre/testing/nacre/wire";
import { algorithms } from "@nacre/testing/protocol/pair";
import { type ByteStreams, connect, serve } from "nacre";
import { connect as connectWith, serve as serveWith, webDuplex } from "nacre/core";
import { afterEach, expect, it, vi } from "vitest";

afterEach(() => {
  vi.unstubAllGlobals();
});

it.each([
  ["no crypto", undefined],
  ["a crypto without getRandomValues", {}],
])("requires the option `random` on a platform with %s, and leaves the streams untouched", async (_, crypto) => {
  vi.stubGlobal("crypto", crypto);
  for (const begin of [
    connect,
    (streams: ByteStreams, options: typeof visitor) => connectWith(webDuplex(streams), { ...options, algorithms }),
    async (streams: ByteStreams) => serve(streams, open),
  ]) {
    const { near: streams } = wire();
    const error = await failure(begin(streams, visitor));
    expect(error).toMatchObject({ name: "SshError", code: "usage", message: expect.stringContaining("`random`") });
    expect(streams.readable.locked || streams.writable.locked).toBe(false);
  }
  expect(() => serveWith(webDuplex(wire().far), { ...open, algorithms })).toThrow("`random`");
});
