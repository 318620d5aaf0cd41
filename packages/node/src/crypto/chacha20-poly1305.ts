import { createCipheriv } from "node:crypto";
import { type ChaCha20, chacha20Poly1305OnWasm, type WasmCipherAlgorithm } from "@nacre/ciphers-wasm";
import type { CipherAlgorithm } from "@nacre/packet";
import type { Bytes } from "@nacre/wire";
import { plainBytes } from "./bytes.ts";
import { type Loadable, loadPortable, portable } from "./portable.ts";
import { probe } from "./probe.ts";

const onWasm: WasmCipherAlgorithm = /* @__PURE__ */ chacha20Poly1305OnWasm({
  instantiate,
  get chacha20() {
    return hasChaCha20() ? chacha20 : undefined;
  },
  otherwise: () => portable("ciphers").chacha20Poly1305,
});

/**
 * chacha20-poly1305@openssh.com in WebAssembly, or on noble where that is forbidden or has no vectors. Where node:crypto has ChaCha20 it
 * encrypts the bodies of long packets, since its vectors are wider; for a short packet its object, update and fresh memory cost more than the
 * whole program. node:crypto's chacha20-poly1305 is RFC 8439's, another construction.
 */
export const chacha20Poly1305: WasmCipherAlgorithm & Loadable = {
  ...onWasm,
  load: async () => {
    if (!hasVectors()) await loadPortable("ciphers");
  },
  withoutWasm: (): CipherAlgorithm & Loadable => ({ ...onWasm.withoutWasm(), load: () => loadPortable("ciphers") }),
};

const chacha20: ChaCha20 = (key, iv, bytes) => plainBytes(createCipheriv("chacha20", key, iv).update(bytes));

/** Whether node:crypto has ChaCha20: BoringSSL (Bun, Electron) does not offer it. */
const hasChaCha20 = probe(() => chacha20(new Uint8Array(32), new Uint8Array(16), new Uint8Array(64))[0] === 0x76);

const hasVectors = probe(() => instantiate(VECTOR_TYPE) !== undefined);

function instantiate(module: Bytes): WebAssembly.Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(module)).exports;
}

/** The smallest module that a platform without vectors refuses: magic number, version 1, and the type of a function that takes a vector. */
const VECTOR_TYPE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 1, 0x7b, 0);
