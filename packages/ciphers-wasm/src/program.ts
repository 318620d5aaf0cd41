import type { Bytes } from "@nacre/wire";
import {
  address,
  alike,
  assemble,
  type Code,
  call,
  type FunctionCode,
  get,
  inOrder,
  isAnySet,
  isZero,
  type Local,
  loadAddress,
  loadVector,
  reversed,
  set,
  storeAddress,
  storeVector,
  when,
  xorAddress,
  xorLanes,
} from "./assembler.ts";
import { addGroup, addToBody, beginPacket } from "./chacha20.ts";
import { KEYS_AT, PACKET_AT, PAGES, STREAM_AT, TAG_AT } from "./memory.ts";
import { poly1305 } from "./poly1305.ts";

// Indices of the functions that other functions call.
const ADD_GROUP = 0;
const BEGIN_PACKET = 1;
const ADD_TO_BODY = 2;
const POLY1305 = 3;

/**
 * Assembles chacha20-poly1305@openssh.com (OpenSSH PROTOCOL.chacha20poly1305) as a WebAssembly module. It exports its `memory`, with the
 * layout in `memory.ts`, and the functions `lengthMask`, `seal`, `open` and `tag`. These read the keys from memory, then overwrite them
 * with zeros. It also exports `poly1305`, for test vectors. No branch or address depends on a secret. The program needs 128-bit vector
 * instructions; on x86-64, V8 supports those on processors with SSE4.1.
 */
export function chacha20Poly1305Program(): Bytes {
  return assemble(PAGES, [
    addGroup(),
    beginPacket(ADD_GROUP),
    addToBody(ADD_GROUP),
    poly1305(),
    lengthMask(),
    seal(),
    open(),
    tag(),
  ]);
}

const SEQUENCE_NUMBER: Local = 0;
const LENGTH: Local = 1;

/** `lengthMask(sequenceNumber)`: returns the uint32 to XOR with the length field of the packet, read in network byte order. */
function lengthMask(): FunctionCode {
  const mask: Local = 1;
  const body = inOrder(
    call(BEGIN_PACKET, get(SEQUENCE_NUMBER)),
    set(mask, reversed(loadAddress(address(0), STREAM_AT))),
    wipe(),
    get(mask),
  );
  return { name: "lengthMask", parameters: 1, addresses: 1, hasResult: true, body };
}

/** `seal(sequenceNumber, length)`: seals the packet and writes the tag after it. `length` is in bytes and includes the length field. */
function seal(): FunctionCode {
  const body = inOrder(
    call(BEGIN_PACKET, get(SEQUENCE_NUMBER)),
    storeAddress(
      address(0),
      PACKET_AT,
      xorAddress(loadAddress(address(0), PACKET_AT), loadAddress(address(0), STREAM_AT)),
    ),
    call(ADD_TO_BODY, get(LENGTH)),
    call(POLY1305, get(LENGTH)),
    storeVector(get(LENGTH), PACKET_AT, loadVector(address(0), TAG_AT)),
    wipe(),
  );
  return { name: "seal", parameters: 2, body };
}

/**
 * `open(sequenceNumber, length)`: decrypts the body and returns 0 if the tag after the packet is correct. Otherwise returns another number
 * and leaves the packet unchanged. Compares the tag in constant time.
 */
function open(): FunctionCode {
  const isWrong: Local = 2;
  const given: Local = 3;
  const body = inOrder(
    set(given, loadVector(get(LENGTH), PACKET_AT)),
    call(BEGIN_PACKET, get(SEQUENCE_NUMBER)),
    call(POLY1305, get(LENGTH)),
    // rule: wasm-tag
    set(isWrong, isAnySet(xorLanes(get(given), loadVector(address(0), TAG_AT)))),
    when(isZero(get(isWrong)), call(ADD_TO_BODY, get(LENGTH))),
    wipe(),
    get(isWrong),
  );
  return { name: "open", parameters: 2, addresses: 1, vectors: 1, hasResult: true, body };
}

/** `tag(sequenceNumber, length)`: computes the tag of an encrypted packet. */
function tag(): FunctionCode {
  const body = inOrder(call(BEGIN_PACKET, get(SEQUENCE_NUMBER)), call(POLY1305, get(LENGTH)), wipe());
  return { name: "tag", parameters: 2, body };
}

/** Overwrites the keys and the key stream with zeros. */
function wipe(): Code {
  const vectors = Array.from({ length: (TAG_AT - KEYS_AT) / 16 }, (_, i) => KEYS_AT + 16 * i);
  return inOrder(...vectors.map((at) => storeVector(address(0), at, alike(0))));
}
