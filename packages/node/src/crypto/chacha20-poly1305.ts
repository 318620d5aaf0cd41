import { createCipheriv } from "node:crypto";
import { type ChaCha20, chacha20Poly1305OnWasm, type WasmCipherAlgorithm } from "@nacre/ciphers-wasm";
import type { CipherAlgorithm } from "@nacre/packet";
import type { Bytes } from "@nacre/wire";
import { plainBytes } from "./bytes.ts";
import { type Loadable, loadPortable, portable } from "./portable.ts";
import { probe } from "./probe.ts";

const onWasm: WasmCipherAlgorithm = /* @__PURE__ */ chacha20Poly1305OnWasm({
  compile,
  instantiate,
  get chacha20() {
    return hasChaCha20() ? chacha20 : undefined;
  },
  otherwise: () => portable("ciphers").chacha20Poly1305,
});

/**
 * chacha20-poly1305@openssh.com in WebAssembly, or on noble if WebAssembly is forbidden or lacks vectors. If node:crypto has ChaCha20, it
 * encrypts the bodies of long packets, because it uses wider vectors. For short packets its setup and allocations cost more than the
 * WebAssembly code. node:crypto's chacha20-poly1305 is the different construction of RFC 8439.
 */
export const chacha20Poly1305: WasmCipherAlgorithm & Loadable = {
  ...onWasm,
  load: async () => {
    if (!hasVectors()) await loadPortable("ciphers");
  },
  withWasm: (module): CipherAlgorithm & Loadable => ({
    ...onWasm.withWasm(module),
    load: () => loadPortable("ciphers"),
  }),
};

const chacha20: ChaCha20 = (key, iv, bytes) => plainBytes(createCipheriv("chacha20", key, iv).update(bytes));

/** Returns whether node:crypto has ChaCha20. BoringSSL (Bun, Electron) lacks it. */
const hasChaCha20 = probe(() => chacha20(new Uint8Array(32), new Uint8Array(16), new Uint8Array(64))[0] === 0x76);

const hasVectors = probe(() => instantiate(compile(VECTOR_TYPE)) !== undefined);

function compile(program: Bytes): WebAssembly.Module {
  return new WebAssembly.Module(program);
}

function instantiate(module: WebAssembly.Module): WebAssembly.Exports {
  return new WebAssembly.Instance(module).exports;
}

/** Smallest module that a platform without vectors rejects: magic number, version 1, and a function type with a vector parameter. */
const VECTOR_TYPE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 1, 0x7b, 0);
