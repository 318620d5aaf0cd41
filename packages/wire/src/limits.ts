import { SshError } from "./errors.ts";
import { escapeText } from "./text.ts";

/** Any subset of the fields of `T`. A field set to `undefined` counts as missing. */
export type Overrides<T> = { readonly [Name in keyof T]?: T[Name] | undefined };

/** Default, minimum and maximum of one limit, all integers. */
export interface LimitRange {
  readonly default: number;
  readonly least: number;
  readonly most: number;
  /** Unit as a plural noun: `"bytes"`, `"milliseconds"`, `"channels"`. */
  readonly unit: string;
}

/** A range for each limit of `T`. A missing range is a compile error. */
export type LimitRanges<T> = { readonly [Name in keyof T]-?: LimitRange };

/** The range of each limit of `T`, and all defaults as one object. To combine tables, merge their `ranges`. */
export interface LimitTable<T> {
  readonly names: readonly (keyof T & string)[];
  readonly ranges: LimitRanges<T>;
  readonly defaults: T;
}

/** Maximum value of a limit on a count or size that the protocol sends as a uint32. */
export const MAX_UINT32 = 0xffff_ffff;

/** Maximum value of a time limit: 365 days in milliseconds. */
export const MAX_MILLISECONDS = 31_536_000_000;

/** Creates a limit table from the ranges. */
export function limitTable<T>(ranges: LimitRanges<T>): LimitTable<T> {
  const names = Object.keys(ranges) as (keyof T & string)[];
  return { names, ranges, defaults: Object.fromEntries(names.map((name) => [name, ranges[name].default])) as T };
}

/**
 * Completes `changes` with the defaults of the table. Returns the same object if `changes` is complete, and `defaults` itself if `changes`
 * is undefined, so that connections share one object. Keeps other properties of `changes` unchecked. Throws `usage` if a limit is not an
 * integer within its range.
 */
export function completeLimits<T extends object>(
  { names, ranges, defaults }: LimitTable<T>,
  changes?: Overrides<T>,
): T {
  if (changes === undefined) return defaults;
  let complete: { -readonly [Name in keyof T]: T[Name] } | undefined;
  for (const name of names) {
    const value = changes[name];
    if (value === undefined) {
      complete ??= { ...defaults, ...changes };
      complete[name] = defaults[name];
    } else {
      checkLimit(name, value, ranges[name]);
    }
  }
  return complete ?? (changes as T);
}

/** Throws `usage` if `value` is not an integer within the range. `name` is that of the limit or option: "maxChannels". */
export function checkLimit(name: string, value: unknown, { least, most, unit }: Omit<LimitRange, "default">): void {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return;
  throw new SshError("usage", `\`${name}\` must be an integer from ${least} to ${most} ${unit}, got ${shown(value)}`);
}

function shown(value: unknown): string {
  if (typeof value === "string") return `"${escapeText(value.slice(0, 40))}"`;
  return typeof value === "number" ? `${value}` : value === null ? "null" : typeof value;
}
