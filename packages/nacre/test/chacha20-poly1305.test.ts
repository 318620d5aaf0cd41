import { chacha20Poly1305 as noble } from "@nacre/ciphers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

type Cipher = typeof noble;

const keys = {
  key: Uint8Array.from({ length: 64 }, (_, i) => 5 * i),
  iv: new Uint8Array(0),
  macKey: new Uint8Array(0),
};

function sealedWith(cipher: Cipher): Uint8Array {
  const slab = Uint8Array.from({ length: 80 }, (_, i) => i);
  cipher.createSealer(keys, undefined).seal(7, slab, 0, 64);
  return slab;
}

/** Returns the cipher of the default lists, from fresh modules: each module chooses its cipher only once. */
async function byDefault(): Promise<Cipher> {
  const { defaultAlgorithms, defaultServerAlgorithms, chacha20Poly1305 } = await import("../src/defaults.ts");
  expect(defaultAlgorithms.ciphers[0]).toBe(chacha20Poly1305);
  expect(defaultServerAlgorithms.ciphers[0]).toBe(chacha20Poly1305);
  return chacha20Poly1305;
}

beforeEach(() => {
  vi.resetModules();
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe("chacha20-poly1305 by default", () => {
  it("has the same properties as noble's", async () => {
    expect(JSON.stringify(await byDefault())).toBe(JSON.stringify(noble));
  });

  it("runs in WebAssembly, instantiated once on first use", async () => {
    const { Module, Instance } = WebAssembly;
    const compile = vi.fn(function compile(bytes: Uint8Array<ArrayBuffer>) {
      return new Module(bytes);
    });
    vi.stubGlobal("WebAssembly", { Module: compile, Instance });
    const cipher = await byDefault();
    expect(compile).not.toHaveBeenCalled();
    expect(sealedWith(cipher)).toEqual(sealedWith(noble));
    sealedWith(cipher);
    expect(compile).toHaveBeenCalledTimes(1);
    expect(compile.mock.results[0]?.type).toBe("return");
  });

  it("falls back to noble if the platform has no WebAssembly", async () => {
    vi.stubGlobal("WebAssembly", undefined);
    expect(sealedWith(await byDefault())).toEqual(sealedWith(noble));
  });

  it("falls back to noble if the page forbids WebAssembly", async () => {
    const forbidden = vi.fn(function forbidden() {
      throw new Error("Refused to compile or instantiate WebAssembly module");
    });
    vi.stubGlobal("WebAssembly", { Module: forbidden });
    expect(sealedWith(await byDefault())).toEqual(sealedWith(noble));
    expect(forbidden).toHaveBeenCalledTimes(1);
  });
});
