import { chacha20Poly1305 as noble } from "@nacre/ciphers";
import type { CipherAlgorithm } from "@nacre/packet";
import { bytesOf, keysFor } from "@nacre/testing/ciphers/packets";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

const keys = keysFor({ name: "", cipher: noble, mac: undefined });

function sealedWith(cipher: CipherAlgorithm): Uint8Array {
  const slab = bytesOf("packet", 80);
  cipher.createSealer(keys, undefined).seal(7, slab, 0, 64);
  return slab;
}

// The choice is cached, so each test imports fresh modules.
beforeEach(() => {
  vi.resetModules();
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe("chacha20-poly1305 on Node", () => {
  it("uses WebAssembly, instantiated once on first use", async () => {
    const { chacha20Poly1305 } = await import("../../src/crypto/chacha20-poly1305.ts");
    const { Module, Instance } = WebAssembly;
    const compile = vi.fn(function compile(bytes: Uint8Array<ArrayBuffer>) {
      return new Module(bytes);
    });
    vi.stubGlobal("WebAssembly", { Module: compile, Instance });
    expect(compile).not.toHaveBeenCalled();
    const expected = sealedWith(noble);
    expect(sealedWith(chacha20Poly1305)).toEqual(expected);
    expect(sealedWith(chacha20Poly1305)).toEqual(expected);
    expect(compile).toHaveBeenCalledTimes(1);
    expect(compile.mock.results[0]?.type).toBe("return");
  });

  it.each([
    ["missing", undefined],
    ["forbidden", { Module: vi.fn(forbidden) }],
  ])("uses noble's code, once imported, if WebAssembly is %s", async (_, webAssembly) => {
    vi.stubGlobal("WebAssembly", webAssembly);
    const { nodeAlgorithms } = await import("../../src/crypto/algorithms.ts");
    const { loadAlgorithms } = await import("../../src/crypto/load.ts");
    await loadAlgorithms(nodeAlgorithms);
    const cipher = nodeAlgorithms.ciphers.find(({ name }) => name === noble.name)!;
    expect(sealedWith(cipher)).toEqual(sealedWith(noble));
    if (webAssembly !== undefined) expect(webAssembly.Module).toHaveBeenCalledTimes(2);
  });
});

it("compiles no WebAssembly if `wasm` is false", async () => {
  const compile = vi.fn(forbidden);
  vi.stubGlobal("WebAssembly", { Module: compile });
  const { nodeAlgorithms } = await import("../../src/crypto/algorithms.ts");
  const { loadAlgorithms } = await import("../../src/crypto/load.ts");
  const { offeredAlgorithms } = await import("nacre/extend");
  const algorithms = offeredAlgorithms({ algorithms: nodeAlgorithms, wasm: false });
  await loadAlgorithms(algorithms);
  const cipher = algorithms.ciphers.find(({ name }) => name === noble.name)!;
  expect(sealedWith(cipher)).toEqual(sealedWith(noble));
  expect(compile).not.toHaveBeenCalled();
});

function forbidden(): never {
  throw new Error("Wasm code generation disallowed by embedder");
}
