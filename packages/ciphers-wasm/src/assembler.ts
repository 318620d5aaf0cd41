// An assembler for the subset of the WebAssembly binary format that the cipher needs (https://webassembly.github.io/spec/core/binary/). An
// expression is the code that leaves its value on the stack. Unless stated otherwise, integers are i64 and addresses i32.

import type { Bytes } from "@nacre/wire";

/** Instructions, one character per byte. Strings, because V8 joins them without copying; thousands of small arrays are slower. */
export type Code = string;

/** Index of a local variable. Order: i32 parameters, i64 variables, i32 variables, vectors. */
export type Local = number;

export const inOrder = (...parts: readonly Code[]): Code => parts.join("");
/** Concatenates the code of each item, in order. */
export const each = <T>(things: readonly T[], code: (thing: T, i: number) => Code | readonly Code[]): Code =>
  things.flatMap(code).join("");

export const get = (local: Local): Code => `\x20${unsigned(local)}`;
export const set = (local: Local, value: Code): Code => `${value}\x21${unsigned(local)}`;

export const constant = (value: bigint): Code => `\x42${signed(value)}`;
export const add = (...terms: readonly Code[]): Code => terms.reduce((sum, term) => `${sum}${term}\x7c`);
export const subtract = (a: Code, b: Code): Code => `${a}${b}\x7d`;
export const multiply = (a: Code, b: Code): Code => `${a}${b}\x7e`;
export const and = (a: Code, b: Code): Code => `${a}${b}\x83`;
export const or = (a: Code, b: Code): Code => `${a}${b}\x84`;
export const shiftLeft = (value: Code, bits: number): Code => `${value}${constant(BigInt(bits))}\x86`;
/** Shifts right and fills with zeros. */
export const shiftRight = (value: Code, bits: number): Code => `${value}${constant(BigInt(bits))}\x88`;
/** Selects `a` if the i32 `condition` is not 0, otherwise `b`. */
export const choose = (condition: Code, a: Code, b: Code): Code => `${a}${b}${condition}\x1b`;

export const address = (value: number): Code => `\x41${signed(BigInt(value))}`;
export const addAddress = (a: Code, b: Code): Code => `${a}${b}\x6a`;
/** Compares two unsigned i32: 1 if `a` < `b`, otherwise 0 (an i32). */
export const isLess = (a: Code, b: Code): Code => `${a}${b}\x49`;
/** Tests an i32: 1 if it is 0, otherwise 0 (an i32). */
export const isZero = (value: Code): Code => `${value}\x45`;
/** Reverses the bytes of an i32. */
export const reversed = (value: Code): Code => {
  const rotatedLeft = (bits: number, mask: number): Code => `${value}${address(bits)}\x77${address(mask)}\x71`;
  return `${rotatedLeft(8, 0x00ff_00ff)}${rotatedLeft(24, 0xff00_ff00 | 0)}\x72`;
};
/** Loads the little-endian i32 at an address plus an offset. */
export const loadAddress = (at: Code, offset: number): Code => `${at}\x28\0${unsigned(offset)}`;
export const storeAddress = (at: Code, offset: number, value: Code): Code => `${at}${value}\x36\0${unsigned(offset)}`;
export const xorAddress = (a: Code, b: Code): Code => `${a}${b}\x73`;

/** Loads the little-endian 32 bits at an address plus an offset, as an i64. */
export const load32 = (at: Code, offset: number): Code => `${at}\x35\0${unsigned(offset)}`;
/** Stores the lower 32 bits of an i64. */
export const store32 = (at: Code, offset: number, value: Code): Code => `${at}${value}\x3e\0${unsigned(offset)}`;

// Unless stated otherwise, a vector consists of four i32, its lanes. The first lane contains the lowest bits.

export const loadVector = (at: Code, offset: number): Code => `${at}\xfd\0\0${unsigned(offset)}`;
export const storeVector = (at: Code, offset: number, value: Code): Code =>
  `${at}${value}\xfd\x0b\0${unsigned(offset)}`;
/** Loads the 32 bits at an address plus an offset into all lanes. */
export const loadAlike = (at: Code, offset: number): Code => `${at}\xfd\x09\0${unsigned(offset)}`;
/** Replaces the first lane of a vector by the 32 bits at an address plus an offset. */
export const loadFirst = (at: Code, offset: number, vector: Code): Code =>
  `${at}${vector}\xfd\x56\0${unsigned(offset)}\0`;
/** A constant vector with the same i32 in all lanes. */
export const alike = (value: number): Code => inAllLanes(address(value));
export const inAllLanes = (value: Code): Code => `${value}\xfd\x11`;
/** A constant vector of four i32. */
export const lanes = (...values: readonly [number, number, number, number]): Code =>
  `\xfd\x0c${each(values, (value) => [0, 8, 16, 24].map((bit) => bytes((value >>> bit) & 0xff)))}`;
export const addLanes = (...terms: readonly Code[]): Code => terms.reduce((sum, term) => `${sum}${term}\xfd\xae\x01`);
export const subtractLanes = (a: Code, b: Code): Code => `${a}${b}\xfd\xb1\x01`;
export const andLanes = (a: Code, b: Code): Code => `${a}${b}\xfd\x4e`;
export const orLanes = (a: Code, b: Code): Code => `${a}${b}\xfd\x50`;
export const xorLanes = (a: Code, b: Code): Code => `${a}${b}\xfd\x51`;
/** Tests a vector: 1 if any bit is set, otherwise 0 (an i32). */
export const isAnySet = (vector: Code): Code => `${vector}\xfd\x53`;
export const shiftLanesLeft = (value: Code, bits: number): Code => `${value}${address(bits)}\xfd\xab\x01`;
/** Shifts each lane right and fills with zeros. */
export const shiftLanesRight = (value: Code, bits: number): Code => `${value}${address(bits)}\xfd\xad\x01`;
/** Shifts each lane right and keeps its sign: divides by a power of two and rounds down. */
export const shiftSignedLanesRight = (value: Code, bits: number): Code => `${value}${address(bits)}\xfd\xac\x01`;
/** Computes, in each lane, the product of the lower 16 bits plus the product of the upper 16 bits. All are signed. */
export const dot = (a: Code, b: Code): Code => `${a}${b}\xfd\xba\x01`;
/** Selects bytes from two vectors in the given order. */
export const shuffle = (a: Code, b: Code, order: Order): Code => `${a}${b}\xfd\x0d${order}`;

/** Indices of the 16 bytes that `shuffle` selects: 0–15 from the first vector, 16–31 from the second. */
export type Order = Code;
/** Makes an order from the indices of parts of equal width. Indices continue from the first vector to the second. */
export function order(...parts: readonly number[]): Order {
  const width = 16 / parts.length;
  return each(parts, (part) => bytes(...Array.from({ length: width }, (_, i) => width * part + i)));
}

/** Runs the body if the i32 `condition` is not 0. */
export const when = (condition: Code, body: Code): Code => `${condition}\x04\x40${body}\x0b`;

/** Repeats the body while the i32 `condition` is not 0. */
export function repeatWhile(condition: Code, ...body: readonly Code[]): Code {
  const leaveUnless = `${condition}\x45\x0d\x01`;
  const again = "\x0c\0";
  return `\x02\x40\x03\x40${leaveUnless}${body.join("")}${again}\x0b\x0b`;
}

/** Calls the function with index `number`, with i32 arguments. */
export const call = (number: number, ...values: readonly Code[]): Code => `${values.join("")}\x10${unsigned(number)}`;

/** A function: the number of variables of each type, in the order of their indices, and the body. */
export interface FunctionCode {
  /** Name of the export; absent if the function is not exported. */
  readonly name?: string;
  readonly parameters: number;
  readonly integers?: number;
  readonly addresses?: number;
  readonly vectors?: number;
  /** Code that leaves an i32 on the stack if `hasResult` is true. */
  readonly body: Code;
  readonly hasResult?: boolean;
}

/** Assembles a module from functions, indexed in order. It exports a `memory` of initially `pages` pages of 64 KiB. */
export function assemble(pages: number, functions: readonly FunctionCode[]): Bytes {
  const magicAndVersion = "\0asm\x01\0\0\0";
  const module = inOrder(
    magicAndVersion,
    section(
      1,
      functions.map(({ parameters, hasResult }) => `\x60${list(i32s(parameters))}${list(i32s(hasResult ? 1 : 0))}`),
    ),
    section(
      3,
      functions.map((_, number) => unsigned(number)),
    ),
    section(5, [`\0${unsigned(pages)}`]),
    section(7, [
      `${sized("memory")}\x02\0`,
      ...functions.flatMap(({ name }, number) => (name === undefined ? [] : [`${sized(name)}\0${unsigned(number)}`])),
    ]),
    section(
      10,
      functions.map(({ integers = 0, addresses = 0, vectors = 0, body }) =>
        sized(`${bytes(3, integers, 0x7e, addresses, 0x7f, vectors, 0x7b)}${body}\x0b`),
      ),
    ),
  );
  const result = new Uint8Array(module.length);
  for (let i = 0; i < result.length; i++) result[i] = module.charCodeAt(i);
  return result;
}

function i32s(count: number): Code[] {
  return Array.from({ length: count }, () => "\x7f");
}

function section(id: number, entries: readonly Code[]): Code {
  return `${bytes(id)}${sized(list(entries))}`;
}

function list(entries: readonly Code[]): Code {
  return `${unsigned(entries.length)}${entries.join("")}`;
}

function sized(code: Code): Code {
  return `${unsigned(code.length)}${code}`;
}

function bytes(...values: readonly number[]): Code {
  return String.fromCharCode(...values);
}

/** Encodes an unsigned integer as LEB128. */
function unsigned(value: number): Code {
  return value < 0x80 ? bytes(value) : `${bytes(0x80 | (value & 0x7f))}${unsigned(value >>> 7)}`;
}

/** Encodes a signed integer as LEB128. */
function signed(value: bigint): Code {
  if (value >= -64n && value < 64n) return bytes(Number(value & 0x7fn));
  return `${bytes(0x80 | Number(value & 0x7fn))}${signed(value >> 7n)}`;
}
