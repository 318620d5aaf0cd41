import { utf8Encode } from "@nacre/wire";

/** Returns text as UTF-8, and bytes unchanged. Throws a `TypeError` that names the argument for other types. */
export function toBytes(value: unknown, name: string): Uint8Array {
  if (typeof value === "string") return utf8Encode(value);
  if (value instanceof Uint8Array) return value;
  throw new TypeError(
    `The "${name}" argument must be of type string or an instance of Buffer. Received ${kindOf(value)}`,
  );
}

/** Returns the text. Throws a `TypeError` that names the argument for other types. */
export function toText(value: unknown, name: string): string {
  if (typeof value === "string") return value;
  throw new TypeError(`The "${name}" argument must be of type string. Received ${kindOf(value)}`);
}

/** Gets an error or a result. */
export type ResultCallback<T> = (error: Error | undefined, result?: T) => void;

/** Returns the callback of a program, which gets no result with an error. Throws a `TypeError` for other types. */
export function toCallback<T>(value: ((error: Error | undefined, result: T) => void) | undefined): ResultCallback<T> {
  if (typeof value === "function") return value as ResultCallback<T>;
  throw new TypeError(`The "callback" argument must be of type function. Received ${kindOf(value)}`);
}

/** Returns the type of a value, not its content, which may be secret. */
function kindOf(value: unknown): string {
  return value === null ? "null" : typeof value;
}
