import { createCipheriv } from "node:crypto";
import { chacha20Poly1305OnWasm } from "@nacre/ciphers/wasm";
import type { CipherAlgorithm } from "@nacre/packet";
import { plainBytes } from "./bytes.ts";
import { importNow } from "./import-now.ts";

type Portable = Pick<typeof import("@nacre/ciphers"), "chacha20Poly1305">;

const PORTABLE = "@nacre/ciphers";

/** noble's, where it was imported. */
let portable: Portable | undefined;

/**
 * chacha20-poly1305@openssh.com in WebAssembly, or on noble where that is forbidden or has no vectors. The bodies of long packets are
 * node:crypto's, whose ChaCha20 has wider vectors; but an object, an update and fresh memory for each packet cost more than all of a short
 * one in the program. Its chacha20-poly1305 is RFC 8439's, another construction.
 */
export const chacha20Poly1305: CipherAlgorithm = /* @__PURE__ */ chacha20Poly1305OnWasm({
  instantiate,
  chacha20: (key, iv, bytes) => plainBytes(createCipheriv("chacha20", key, iv).update(bytes)),
  otherwise: () => (portable ?? (importNow(PORTABLE) as Portable)).chacha20Poly1305,
});

/** Imports noble's cipher where it will be needed. */
export async function loadChaCha20Poly1305(): Promise<void> {
  try {
    instantiate(VECTOR_TYPE);
  } catch {
    portable ??= await import("@nacre/ciphers");
  }
}

function instantiate(module: Uint8Array<ArrayBuffer>): WebAssembly.Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(module)).exports;
}

/** The least module that a platform without vectors refuses: the magic number, version 1, and the type of a function that takes one. */
const VECTOR_TYPE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 1, 0x7b, 0);
