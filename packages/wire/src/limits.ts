import { SshError } from "./errors.ts";
import { escapeText } from "./text.ts";

/** Some of the fields of `T`; one that is `undefined` counts as missing. */
export type Overrides<T> = { readonly [Name in keyof T]?: T[Name] | undefined };

/** Default and range of one limit, all integers. */
export interface LimitRange {
  readonly default: number;
  readonly least: number;
  readonly most: number;
  /** Plural noun: `"bytes"`, `"milliseconds"`, `"channels"`. */
  readonly unit: string;
}

/** The range of each limit of `T`: one that lacks a limit does not compile. */
export type LimitRanges<T> = { readonly [Name in keyof T]-?: LimitRange };

/** The limits `T`, each with its range, and the defaults of all as one object. Tables compose by their `ranges`. */
export interface LimitTable<T> {
  readonly ranges: LimitRanges<T>;
  readonly defaults: T;
}

/** Largest value of limits that count or size what a uint32 of the protocol numbers. */
export const MAX_UINT32 = 0xffff_ffff;

/** Largest value of a time limit: 365 days in milliseconds. */
export const MAX_MILLISECONDS = 31_536_000_000;

/** Makes a table of limits. */
export function limitTable<T>(ranges: LimitRanges<T>): LimitTable<T> {
  const entries = Object.entries<LimitRange>(ranges).map(([name, range]) => [name, range.default]);
  return { ranges, defaults: Object.fromEntries(entries) as T };
}

/**
 * The limits of `table`, those of `changes` in place of their defaults. Returns one of the two objects itself where it is complete, so
 * that any number of connections share it. What `changes` has beside the limits of the table stays, unchecked.
 * Throws `usage` if a limit is not an integer within its range.
 */
export function completeLimits<T extends object>({ ranges, defaults }: LimitTable<T>, changes?: Overrides<T>): T {
  if (changes === undefined) return defaults;
  let complete: { -readonly [Name in keyof T]: T[Name] } | undefined;
  for (const name of Object.keys(ranges) as (keyof T & string)[]) {
    const value = changes[name];
    if (value === undefined) {
      complete ??= { ...defaults, ...changes };
      complete[name] = defaults[name];
    } else {
      checkLimit(`the limit ${name}`, value, ranges[name]);
    }
  }
  return complete ?? (changes as T);
}

/** Throws `usage` if `value` is not an integer within the range. `what`: `"the limit maxChannels"`. */
export function checkLimit(what: string, value: unknown, { least, most, unit }: Omit<LimitRange, "default">): void {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return;
  throw new SshError("usage", `${what} must be an integer from ${least} to ${most} ${unit}, not ${shown(value)}`);
}

function shown(value: unknown): string {
  if (typeof value === "string") return `"${escapeText(value.slice(0, 40))}"`;
  return typeof value === "number" ? `${value}` : value === null ? "null" : typeof value;
}
