/** Codes of the warnings of this package. */
export type WarningCode =
  | "NACRE_SSH2_HOST_KEY"
  | "NACRE_SSH2_INSECURE_ALGORITHM"
  | "NACRE_SSH2_UNKNOWN_ALGORITHM"
  | "NACRE_SSH2_SHORT_RSA_KEY";

const given = new Set<string>();

/**
 * Emits a warning once for each text, or once for each `once` if the texts differ, by `process.emitWarning`, so that `--no-warnings`,
 * `--trace-warnings` and `process.on("warning")` apply. `text` has no secret, and peers' texts in it are escaped.
 */
export function warn(code: WarningCode, text: string, once: string = text): void {
  const name = `${code} ${once}`;
  if (given.has(name)) return;
  if (given.size < MAX_GIVEN) given.add(name);
  process.emitWarning(text, { type: "SecurityWarning", code });
}

/** Bound of the names that are kept. A program that connects to more hosts gets some warnings twice. */
const MAX_GIVEN = 10_000;
