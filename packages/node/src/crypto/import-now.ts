import { createRequire } from "node:module";
import { SshError } from "@nacre/wire";

/** A module of the portable code whose import nobody has awaited. A bundler does not see it: throws `usage` where it is not to be found. */
export function importNow(specifier: string): unknown {
  try {
    return createRequire(import.meta.url)(specifier);
  } catch (cause) {
    throw new SshError(
      "usage",
      `${specifier} cannot be imported this late: await loadAlgorithms() before a connection begins`,
      { cause },
    );
  }
}
