import { addressMatcher, networkOf } from "@nacre/keyfiles/internal";
import { checkLimit, MAX_MILLISECONDS, MAX_UINT32, SshError } from "@nacre/wire";
import { checkOptions, type OptionRows } from "nacre/extend";
import type { PerSourceOptions, RandomEarlyDrop } from "./listen-options.ts";
import { type Penalties, Sources } from "./sources.ts";

/** OpenSSH's default penalties, in milliseconds. */
const PENALTIES: Penalties = { authFail: 5000, noAuth: 1000, graceExceeded: 10_000, min: 15_000, max: 600_000 };

/** State of a server's sources, and a function that returns the source of an address, or `undefined` if it is exempt. */
export interface PerSource {
  readonly sources: Sources;
  readonly sourceOf: (address: string) => string | undefined;
}

const PER_SOURCE_OPTIONS: OptionRows<PerSourceOptions> = {
  maxUnauthenticated: true,
  netBlockSize: "object",
  penalties: "object or boolean",
  maxFailureDelay: true,
  maxSources: true,
  exempt: "array",
};

/** Applies the defaults to the options. Throws `usage` for values out of range. */
export function perSource(
  options: PerSourceOptions | boolean | undefined,
  { start, full }: RandomEarlyDrop,
): PerSource {
  if (options === true) throw new SshError("usage", "`perSource` must be an object with limits, or false");
  if (options !== false && options !== undefined) checkOptions(options, PER_SOURCE_OPTIONS, "`perSource`");
  const {
    maxUnauthenticated = Math.max(start, Math.ceil(full / 2)),
    netBlockSize: { ipv4 = 32, ipv6 = 64 } = {},
    penalties = {},
    maxFailureDelay = 2000,
    maxSources = 65_536,
    exempt = [],
  } = options === false ? {} : (options ?? {});
  const times = penalties === false ? undefined : { ...PENALTIES, ...defined(penalties) };
  check("maxUnauthenticated", maxUnauthenticated, { least: 1, most: MAX_UINT32, unit: "connections" });
  check("netBlockSize.ipv4", ipv4, { least: 0, most: 32, unit: "bits" });
  check("netBlockSize.ipv6", ipv6, { least: 0, most: 128, unit: "bits" });
  check("maxFailureDelay", maxFailureDelay, { least: 0, most: 60_000, unit: "milliseconds" });
  check("maxSources", maxSources, { least: 1, most: 2 ** 24, unit: "sources" });
  for (const [name, time] of Object.entries(times ?? {}))
    check(`penalties.${name}`, time, { least: 0, most: MAX_MILLISECONDS, unit: "milliseconds" });
  const isExempt = addressMatcher("perSource.exempt", exempt);
  return {
    sources: new Sources({
      maxUnauthenticated,
      share: Math.max(1, Math.floor(start / 2)),
      penalties: times,
      maxFailureDelay,
      maxSources,
    }),
    sourceOf: (address) => (options === false || isExempt(address) ? undefined : networkOf(address, { ipv4, ipv6 })),
  };
}

function check(name: string, value: unknown, range: Parameters<typeof checkLimit>[2]): void {
  checkLimit(`perSource.${name}`, value, range);
}

/** Returns the properties that are not `undefined`. */
function defined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
