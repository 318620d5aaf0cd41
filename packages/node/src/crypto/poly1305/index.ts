import { concatBytes } from "@nacre/wire";
import { importNow } from "../import-now.ts";
import { CAPACITY, KEY_AT, MESSAGE_AT, TAG_AT } from "./layout.ts";
import { poly1305Module } from "./program.ts";

/**
 * Makes tags: 16 bytes, a view that the next call changes, of a message and a one-time key of 32 bytes (RFC 8439 §2.5). The rest of the
 * message may lie elsewhere.
 */
export type Poly1305 = (message: Uint8Array, key: Uint8Array, rest?: Uint8Array) => Uint8Array;

type Noble = typeof import("@noble/ciphers/_poly1305.js");

const PORTABLE = "@noble/ciphers/_poly1305.js";
const TAG_LENGTH = 16;
const BLOCK = 16;
const PAGE = 65_536;
/** Turns the end of a message into its last block. */
const ENDING = Uint8Array.of(1, ...new Uint8Array(BLOCK - 1));

let made: Poly1305 | undefined;
/** noble's, where it was imported. */
let portable: Poly1305 | undefined;

/** The fastest Poly1305 there is: in WebAssembly, or noble's where that is forbidden or has no vectors. */
export function poly1305(message: Uint8Array, key: Uint8Array, rest?: Uint8Array): Uint8Array {
  made ??= wasmPoly1305() ?? portable ?? onNoble(importNow(PORTABLE) as Noble);
  return made(message, key, rest);
}

/** Imports noble's Poly1305 where `poly1305` will need it. */
export async function loadPoly1305(): Promise<void> {
  if (made === undefined && instance(VECTOR_TYPE) === undefined)
    portable ??= onNoble(await import("@noble/ciphers/_poly1305.js"));
}

function onNoble(noble: Noble): Poly1305 {
  return (message, key, rest) => noble.poly1305(rest === undefined ? message : concatBytes(message, rest), key);
}

/** The magic number, version 1, and the type of a function that takes a vector. */
const VECTOR_TYPE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 1, 0x7b, 0);

/**
 * Poly1305 in WebAssembly; `undefined` where the platform has none, or no vectors. There is no second program without them: V8 has them
 * on all processors since SSE4.1, and where it has not, noble's Poly1305 serves.
 */
export function wasmPoly1305(): Poly1305 | undefined {
  const exports = instance(poly1305Module());
  if (exports === undefined) return undefined;
  const run = exports.run as (length: number) => void;
  const wasmMemory = exports.memory as WebAssembly.Memory;
  let capacity = CAPACITY;
  let memory = new Uint8Array(wasmMemory.buffer);
  let tag = memory.subarray(TAG_AT, TAG_AT + TAG_LENGTH);
  return (message, key, rest) => {
    const length = message.length + (rest?.length ?? 0);
    if (length + BLOCK > capacity) {
      const pages = Math.ceil((length + BLOCK - capacity) / PAGE);
      wasmMemory.grow(pages);
      capacity += pages * PAGE;
      memory = new Uint8Array(wasmMemory.buffer);
      tag = memory.subarray(TAG_AT, TAG_AT + TAG_LENGTH);
    }
    memory.set(key, KEY_AT);
    memory.set(message, MESSAGE_AT);
    if (rest !== undefined) memory.set(rest, MESSAGE_AT + message.length);
    memory.set(ENDING, MESSAGE_AT + length);
    run(length);
    return tag;
  };
}

function instance(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Exports | undefined {
  try {
    return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  } catch {
    return undefined;
  }
}
