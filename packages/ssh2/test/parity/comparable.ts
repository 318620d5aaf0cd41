import { EventEmitter } from "node:events";

/** Levels of objects within objects that are compared. */
const MAX_DEPTH = 8;

/**
 * Returns a value of plain data that is equal for values which users of ssh2 cannot tell apart. Streams, clients and other emitters are all
 * equal, and so are functions. A `Buffer` differs from another `Uint8Array`.
 */
export function comparable(value: unknown, depth: number = 0): unknown {
  if (typeof value === "function") return "<function>";
  if (typeof value === "bigint" || typeof value === "symbol") return `<${typeof value} ${String(value)}>`;
  if (value === undefined) return "<undefined>";
  if (typeof value === "number" && !Number.isFinite(value)) return `<${value}>`;
  if (typeof value !== "object" || value === null) return value;
  if (Buffer.isBuffer(value)) return `<Buffer ${value.toString("hex")}>`;
  if (value instanceof Uint8Array) return `<Uint8Array ${Buffer.from(value).toString("hex")}>`;
  if (value instanceof Error) return errorFields(value);
  if (value instanceof Date) return `<Date ${value.toISOString()}>`;
  if (value instanceof EventEmitter) return "<emitter>";
  if (depth === MAX_DEPTH) return "<deeper>";
  if (Array.isArray(value)) return value.map((element) => comparable(element, depth + 1));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => typeof member !== "function")
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, comparable(member, depth + 1)]),
  );
}

/** Fields of errors that programs read. The stack, `cause`, and what the system adds to its own errors are not compared. */
function errorFields(error: Error): unknown {
  const fields = error as Error & { readonly [name: string]: unknown };
  const kept = ["level", "code", "reason", "description"].filter((name) => fields[name] !== undefined);
  return { error: error.message, ...Object.fromEntries(kept.map((name) => [name, comparable(fields[name])])) };
}
