import { checkNames, checkSignal, usage } from "nacre/extend";
import { TRANSFER_OPTIONS, type TransferOptions } from "./options.ts";
import { MOST_FILES } from "./slots.ts";

const CHOICES = {
  symlinks: ["keep", "follow", "skip"],
  onError: ["abort", "skip"],
  verify: ["size", "sha256"],
  update: ["size-mtime"],
} as const;

/** Options that need a source and a target with names and attributes. */
const NEED_FILES = ["recursive", "preserve", "resume", "update", "delete"] as const;

/** Least limit in bytes a second. */
const LEAST_LIMIT = 1024;

/** Throws `usage` for invalid options, and for those that do not go with each other or with the kind of the source and target. */
export function checkTransferOptions(
  options: TransferOptions,
  callee: string,
  kind: "path" | "pattern" | "stream",
  rows: object = TRANSFER_OPTIONS,
): void {
  checkNames(options, rows, callee);
  checkSignal(options.signal);
  checkNumbers(options);
  const { filter, onProgress, onFile } = options;
  for (const [name, value] of Object.entries({ filter, onProgress, onFile }))
    if (value !== undefined && typeof value !== "function") throw usage(`\`${name}\` must be a function`);
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value: unknown = options[name as keyof typeof CHOICES];
    if (value !== undefined && !(choices as readonly unknown[]).includes(value))
      throw usage(
        `\`${name}\` must be one of ${choices.join(", ")}, got ${typeof value === "string" ? value : typeof value}`,
      );
  }
  const needed =
    kind === "stream" ? NEED_FILES.find((name) => options[name] !== undefined && options[name] !== false) : undefined;
  if (needed !== undefined) throw usage(`\`${needed}\` needs files on both sides, and one side is a stream`);
  if (options.delete !== true) return;
  if (kind === "pattern") throw usage("`delete` needs a directory: a pattern does not tell what the source has");
  if (options.recursive !== true) throw usage("`delete` needs `recursive`: it compares directories");
}

function checkNumbers({ concurrency, limit, maxFiles, maxGrowth }: TransferOptions): void {
  for (const [name, value] of Object.entries({ maxFiles, maxGrowth }))
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0))
      throw usage(`\`${name}\` must be a non-negative integer, got ${String(value)}`);
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= MOST_FILES))
    throw usage(`\`concurrency\` must be an integer from 1 to ${MOST_FILES}, got ${String(concurrency)}`);
  if (limit !== undefined && !(Number.isFinite(limit) && limit >= LEAST_LIMIT))
    throw usage(`\`limit\` must be a number of bytes a second, at least ${LEAST_LIMIT}, got ${String(limit)}`);
}
