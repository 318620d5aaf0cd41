// Just enough of WebAssembly's binary format (https://webassembly.github.io/spec/core/binary/) to write one function in. An expression is
// the bytes of the instructions that leave its value on the stack; integers are i64 and addresses i32 where nothing else is said.

/** Instructions. */
export type Code = readonly number[];

/** A number of a variable: parameters first, which are i32, then i64 variables, then i32 ones. */
export type Local = number;

export const get = (local: Local): Code => [0x20, ...unsigned(local)];
export const set = (local: Local, value: Code): Code => [...value, 0x21, ...unsigned(local)];

export const constant = (value: bigint): Code => [0x42, ...signed(value)];
export const add = (...terms: readonly Code[]): Code => terms.reduce((sum, term) => [...sum, ...term, 0x7c]);
export const subtract = (a: Code, b: Code): Code => [...a, ...b, 0x7d];
export const multiply = (a: Code, b: Code): Code => [...a, ...b, 0x7e];
export const and = (a: Code, b: Code): Code => [...a, ...b, 0x83];
export const or = (a: Code, b: Code): Code => [...a, ...b, 0x84];
export const shiftLeft = (value: Code, bits: number): Code => [...value, ...constant(BigInt(bits)), 0x86];
/** Zeros come in from above. */
export const shiftRight = (value: Code, bits: number): Code => [...value, ...constant(BigInt(bits)), 0x88];
/** `a` where the i32 is not 0, and else `b`. */
export const choose = (condition: Code, a: Code, b: Code): Code => [...a, ...b, ...condition, 0x1b];

export const address = (value: number): Code => [0x41, ...signed(BigInt(value))];
export const addAddress = (a: Code, b: Code): Code => [...a, ...b, 0x6a];
/** An i32: whether one i32 is less than another, both without sign. */
export const isLess = (a: Code, b: Code): Code => [...a, ...b, 0x49];

/** The 32 bits at an address and an offset, in little-endian order. */
export const load32 = (at: Code, offset: number): Code => [...at, 0x35, 0, ...unsigned(offset)];
/** Keeps the lower 32 bits of a value. */
export const store32 = (at: Code, offset: number, value: Code): Code => [...at, ...value, 0x3e, 0, ...unsigned(offset)];

/** Runs the body again and again, as long as the i32 is not 0. */
export function repeatWhile(condition: Code, body: Code): Code {
  const leaveUnless = [...condition, 0x45, 0x0d, 1];
  const again = [0x0c, 0];
  return [0x02, 0x40, 0x03, 0x40, ...leaveUnless, ...body, ...again, 0x0b, 0x0b];
}

/**
 * A module with one function, `run`, of i32 parameters and no result, and a memory, `memory`, of so many pages of 64 KiB at first.
 */
export function assemble(shape: {
  readonly parameters: number;
  readonly integers: number;
  readonly addresses: number;
  readonly pages: number;
  readonly body: Code;
}): Uint8Array<ArrayBuffer> {
  const { parameters, integers, addresses, pages, body } = shape;
  const locals = [2, ...unsigned(integers), 0x7e, ...unsigned(addresses), 0x7f];
  const magicAndVersion = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  return Uint8Array.from([
    ...magicAndVersion,
    ...section(1, [0x60, ...vector(Array.from({ length: parameters }, () => [0x7f])), 0]),
    ...section(3, [0]),
    ...section(5, [0, ...unsigned(pages)]),
    ...section(7, [...text("run"), 0, 0], [...text("memory"), 2, 0]),
    ...section(10, sized([...locals, ...body, 0x0b])),
  ]);
}

function section(id: number, ...entries: readonly Code[]): Code {
  return [id, ...sized(vector(entries))];
}

function vector(entries: readonly Code[]): Code {
  return [...unsigned(entries.length), ...entries.flat()];
}

function sized(bytes: Code): Code {
  return [...unsigned(bytes.length), ...bytes];
}

function text(name: string): Code {
  return sized(Array.from(name, (character) => character.charCodeAt(0)));
}

/** LEB128. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [0x80 | (value & 0x7f), ...unsigned(value >>> 7)];
}

/** LEB128 of two's complement. */
function signed(value: bigint): Code {
  if (value >= -64n && value < 64n) return [Number(value & 0x7fn)];
  return [0x80 | Number(value & 0x7fn), ...signed(value >> 7n)];
}
