import type { Callback } from "./call.ts";

/** Options of `readFile`, `writeFile` and `appendFile`. */
export interface FileOptions {
  readonly encoding?: BufferEncoding | null | undefined;
  readonly flag?: string | undefined;
  /** Mode of a new file. */
  readonly mode?: number | string | undefined;
}

/** Returns options and callback of a method that takes options, the name of an encoding, or neither. Throws ssh2's errors. */
export function fileOptions<C extends Callback<never[]>>(
  given: unknown,
  last: C | undefined,
  defaults: FileOptions,
): { readonly options: FileOptions; readonly callback: C | undefined } {
  const callback = typeof last === "function" ? last : typeof given === "function" ? (given as C) : undefined;
  const value = typeof last !== "function" && typeof given === "function" ? undefined : given;
  if (typeof value === "string")
    return { options: checked({ ...defaults, encoding: value as BufferEncoding }), callback };
  if (!value) return { options: defaults, callback };
  if (typeof value !== "object") throw new TypeError("Bad arguments");
  return { options: checked(value), callback };
}

function checked(options: FileOptions): FileOptions {
  const { encoding } = options;
  if (encoding && !Buffer.isEncoding(encoding)) throw new Error(`Unknown encoding: ${String(encoding)}`);
  return options;
}
