import { type LimitTable, limitTable } from "@nacre/wire";

/** Resource limits of an `ScpSink` or `ScpSource`. */
export interface ScpLimits {
  /** Length of a line in bytes, without its end; a longer one from the peer ends scp. Default 16 KiB, as in OpenSSH. */
  readonly maxLineLength: number;
  /** Length of a name in bytes; a longer one from the peer ends scp. Default 1024. */
  readonly maxNameLength: number;
  /** Directories below each other; one more ends scp. Default 256. */
  readonly maxDepth: number;
}

/** Ranges and defaults of `ScpLimits`. */
export const SCP_LIMITS: LimitTable<ScpLimits> = /* @__PURE__ */ limitTable<ScpLimits>({
  maxLineLength: { default: 16 * 1024, least: 512, most: 1024 * 1024, unit: "bytes" },
  maxNameLength: { default: 1024, least: 1, most: 64 * 1024, unit: "bytes" },
  maxDepth: { default: 256, least: 1, most: 65_536, unit: "directories" },
});
