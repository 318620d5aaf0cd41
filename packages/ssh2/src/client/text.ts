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

/** Returns the function. Throws a `TypeError` that names the argument for other types. */
export function toFunction<T>(value: T | undefined, name: string): T {
  if (typeof value === "function") return value;
  throw new TypeError(`The "${name}" argument must be of type function. Received ${kindOf(value)}`);
}

/** Returns the type of a value, not its content, which may be secret. */
function kindOf(value: unknown): string {
  return value === null ? "null" : typeof value;
}
