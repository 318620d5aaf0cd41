import { escapeText } from "@nacre/wire";
import { ssh2Error } from "../errors.ts";

/** Environment variable with the mode for all connections of a process. */
const VARIABLE = "NACRE_SSH2_HOST_KEYS";

const MODES = ["strict", "known", "warn", "off"] as const;

/**
 * How a host key is checked without `hostVerifier`:
 * - `strict`: only a key in known_hosts is accepted, also of loopback addresses and streams;
 * - `known`: another key of a known host is refused; unknown hosts, loopback addresses and streams are accepted with a warning;
 * - `warn`: every key is accepted, with a warning;
 * - `off`: every key is accepted.
 */
export type HostKeyMode = (typeof MODES)[number];

/**
 * Returns the mode of the option `hostKeys`, or of the environment, or `known`. Throws for another value: a misspelt `strict` must not
 * weaken the check.
 */
export function hostKeyMode(given: unknown): HostKeyMode {
  if (given !== undefined) return checked("`hostKeys`", given);
  return checked(VARIABLE, process.env[VARIABLE] || "known");
}

function checked(what: string, value: unknown): HostKeyMode {
  const mode = MODES.find((one) => one === value);
  if (mode === undefined)
    throw ssh2Error(`Invalid ${what}: ${escapeText(String(value).slice(0, 40))}; expected ${MODES.join(", ")}`);
  return mode;
}
