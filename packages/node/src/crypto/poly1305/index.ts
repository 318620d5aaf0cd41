import { poly1305 as portable } from "@noble/ciphers/_poly1305.js";
import { CAPACITY, KEY_AT, MESSAGE_AT, poly1305Module, TAG_AT } from "./program.ts";

/** Makes tags: 16 bytes, a view that the next call changes, of a message and a one-time key of 32 bytes (RFC 8439 §2.5). */
export type Poly1305 = (message: Uint8Array, key: Uint8Array) => Uint8Array;

const TAG_LENGTH = 16;
const BLOCK = 16;
/** Turns the end of a message into its last block. */
const ENDING = Uint8Array.of(1, ...new Uint8Array(BLOCK - 1));

let made: Poly1305 | undefined;

/** The fastest Poly1305 there is: in WebAssembly, or noble's where that is forbidden. */
export function poly1305(message: Uint8Array, key: Uint8Array): Uint8Array {
  made ??= wasmPoly1305() ?? portable;
  return made(message, key);
}

/** Poly1305 in WebAssembly; `undefined` where the platform has none, or none for this program. */
export function wasmPoly1305(): Poly1305 | undefined {
  let run: (length: number) => void;
  let memory: Uint8Array;
  try {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(poly1305Module()));
    run = exports.run as typeof run;
    memory = new Uint8Array((exports.memory as WebAssembly.Memory).buffer);
  } catch {
    return undefined;
  }
  const tag = memory.subarray(TAG_AT, TAG_AT + TAG_LENGTH);
  return (message, key) => {
    const { length } = message;
    if (length > CAPACITY - BLOCK) return portable(message, key);
    memory.set(key, KEY_AT);
    memory.set(message, MESSAGE_AT);
    memory.set(ENDING, MESSAGE_AT + length);
    run(length);
    return tag;
  };
}
