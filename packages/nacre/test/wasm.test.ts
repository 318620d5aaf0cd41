import { chacha20Poly1305 as noble } from "@nacre/ciphers";
import { bytesOf } from "@nacre/testing/ciphers/packets";
import { open, visitor, wire } from "@nacre/testing/nacre/wire";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { chacha20Poly1305Program } from "../../ciphers-wasm/src/program.ts";

type Defaults = typeof import("nacre/defaults");

const compile = vi.fn<(bytes: Uint8Array<ArrayBuffer>) => WebAssembly.Module>();
const { Module, Instance } = WebAssembly;
const keys = { key: bytesOf("key", 64), iv: new Uint8Array(0), macKey: new Uint8Array(0) };

function sealedWith(cipher: typeof noble): Uint8Array {
  const slab = bytesOf("packet", 80);
  cipher.createSealer(keys, undefined).seal(7, slab, 0, 64);
  return slab;
}

beforeEach(() => {
  // Reset modules: each module chooses its cipher only once.
  vi.resetModules();
  compile.mockReset().mockImplementation(function compile(bytes) {
    return new Module(bytes);
  });
  vi.stubGlobal("WebAssembly", { Module: compile, Instance });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

/** Runs a command over chacha20-poly1305, with the same options on both sides. */
async function over(
  options: { readonly wasm?: boolean | object },
  choose: (defaults: Defaults) => typeof noble,
): Promise<string> {
  const { connect, serve } = await import("nacre");
  const defaults = await import("nacre/defaults");
  const algorithms = { ...defaults.defaultAlgorithms, ciphers: [choose(defaults)] };
  const { near, far } = wire();
  serve(far, {
    ...open,
    ...options,
    algorithms,
    session: async (session) => {
      const writer = session.stdout.getWriter();
      await writer.write(new TextEncoder().encode("x".repeat(100_000)));
      return 0;
    },
  });
  const client = await connect(near, { ...visitor, ...options, algorithms });
  const { stdout } = await client.exec("anything");
  await client.close();
  return stdout;
}

describe("wasm: false", () => {
  it("compiles no WebAssembly on either side", async () => {
    expect(await over({ wasm: false }, ({ chacha20Poly1305 }) => chacha20Poly1305)).toBe("x".repeat(100_000));
    expect(compile).not.toHaveBeenCalled();
    // Make sure that the default compiles it.
    expect(await over({}, ({ chacha20Poly1305 }) => chacha20Poly1305)).toBe("x".repeat(100_000));
    expect(compile).toHaveBeenCalledTimes(1);
  });

  it("leaves other algorithms unchanged", async () => {
    const { offeredAlgorithms } = await import("nacre/extend");
    const { defaultAlgorithms } = await import("nacre/defaults");
    for (const wasm of [undefined, true])
      expect(offeredAlgorithms({ algorithms: defaultAlgorithms, wasm })).toEqual(defaultAlgorithms);
    const { ciphers, ...others } = offeredAlgorithms({ algorithms: defaultAlgorithms, wasm: false });
    expect(ciphers.slice(1)).toEqual(defaultAlgorithms.ciphers.slice(1));
    expect(others).toEqual({ ...defaultAlgorithms, ciphers: undefined });
    expect(sealedWith(ciphers[0]!)).toEqual(sealedWith(noble));
  });
});

describe("`wasm` with a module", () => {
  it("seals the same bytes as noble, compiles nothing, and shares one instance", async () => {
    const { offeredAlgorithms } = await import("nacre/extend");
    const { defaultAlgorithms } = await import("nacre/defaults");
    const module = new Module(chacha20Poly1305Program());
    const instantiate = vi.fn(function instantiate(given: WebAssembly.Module) {
      return new Instance(given);
    });
    vi.stubGlobal("WebAssembly", { Module: compile, Instance: instantiate });
    const cipher = (): typeof noble => offeredAlgorithms({ algorithms: defaultAlgorithms, wasm: module }).ciphers[0]!;
    expect([cipher(), instantiate.mock.calls]).toEqual([cipher(), []]);
    expect(sealedWith(cipher())).toEqual(sealedWith(noble));
    expect(sealedWith(cipher())).toEqual(sealedWith(noble));
    expect(instantiate).toHaveBeenCalledTimes(1);
    expect(instantiate).toHaveBeenCalledWith(module);
    expect(compile).not.toHaveBeenCalled();
  });

  it("works in a connection", async () => {
    const wasm = new Module(chacha20Poly1305Program());
    expect(await over({ wasm }, ({ chacha20Poly1305 }) => chacha20Poly1305)).toBe("x".repeat(100_000));
    expect(compile).not.toHaveBeenCalled();
  });

  it("falls back to noble if the module cannot be instantiated", async () => {
    const { offeredAlgorithms } = await import("nacre/extend");
    const { defaultAlgorithms } = await import("nacre/defaults");
    const { ciphers } = offeredAlgorithms({ algorithms: defaultAlgorithms, wasm: {} });
    expect(sealedWith(ciphers[0]!)).toEqual(sealedWith(noble));
  });
});
