import { parseExpiryTime, utcTime } from "@nacre/keyfiles";
import { FOREVER } from "@nacre/keys";
import { escapeText } from "@nacre/wire";
import { KeygenFailure, localTime } from "./keygen-system.ts";

/** When a certificate is valid, in seconds since 1970: the first second, and the first one after the last. */
export interface Validity {
  readonly validAfter: bigint;
  readonly validBefore: bigint;
}

/** Parses `-V` (ssh-keygen(1)): `FROM:TO`, or the time from now as in `+52w`. `now` is in seconds since 1970. */
export function parseValidity(text: string, now: bigint): Validity {
  if (text.startsWith("+") && !text.includes(":")) {
    const length = duration(text.slice(1));
    if (length === undefined) throw new KeygenFailure(`Invalid relative certificate life ${escapeText(text)}`);
    // It begins at least a minute earlier, for hosts with clocks that are late.
    return { validAfter: ((now - 59n) / 60n) * 60n, validBefore: now + length };
  }
  const [, from, to] = /^([^:]+):(.+)$/s.exec(text) ?? [];
  if (from === undefined || to === undefined)
    throw new KeygenFailure(`Invalid certificate life specification ${escapeText(text)}`);
  const validAfter = from === "always" ? 0n : parseTime(from, "from", now);
  const validBefore = to === "forever" ? FOREVER : parseTime(to, "to", now);
  if (validBefore <= validAfter) throw new KeygenFailure("Empty certificate validity interval");
  return { validAfter, validBefore };
}

function parseTime(text: string, end: "from" | "to", now: bigint): bigint {
  if (/^[+-]/.test(text)) {
    const length = duration(text.slice(1));
    if (length === undefined) throw new KeygenFailure(`Invalid relative certificate time ${escapeText(text)}`);
    return text.startsWith("+") ? now + length : now - length;
  }
  if (text.startsWith("0x")) {
    if (!/^0x[\da-f]+$/i.test(text)) throw new KeygenFailure("Invalid certificate time: not a number");
    const value = BigInt(text);
    if (value > FOREVER) throw new KeygenFailure("Invalid certificate time: Numerical result out of range");
    return value;
  }
  const time = parseExpiryTime(text);
  if (time === undefined) throw new KeygenFailure(`Invalid ${end} time "${escapeText(text)}"`);
  return BigInt((time.utc ? utcTime(time) : localTime(time)) / 1000);
}

const SECONDS: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Parses a time such as `1w2d` (sshd_config(5), TIME FORMATS) to seconds. `undefined` if it is invalid or longer than 2³¹−1. */
function duration(text: string): bigint | undefined {
  if (!/^(?:\d+[smhdw])*(?:\d+[smhdw]?)$/i.test(text)) return undefined;
  let seconds = 0;
  for (const [, count, unit = ""] of text.matchAll(/(\d+)([smhdw]?)/gi))
    seconds += Number(count) * SECONDS[unit.toLowerCase()]!;
  return seconds > 0x7fff_ffff ? undefined : BigInt(seconds);
}

/** Formats a validity as ssh-keygen shows it. */
export function formatValidity({ validAfter, validBefore }: Validity): string {
  if (validAfter === 0n && validBefore === FOREVER) return "forever";
  if (validAfter === 0n) return `before ${formatLocalTime(validBefore)}`;
  if (validBefore === FOREVER) return `after ${formatLocalTime(validAfter)}`;
  return `from ${formatLocalTime(validAfter)} to ${formatLocalTime(validBefore)}`;
}

/** Seconds of 400 years, after which the calendar repeats. */
const CYCLE = 146_097n * 86_400n;

/** Formats seconds since 1970-01-01 UTC as local time: `2026-12-31T23:59:59`. Years may have more than four digits. */
export function formatLocalTime(seconds: bigint): string {
  // A Date ends with the year 275760.
  const cycles = seconds > 20n * CYCLE ? seconds / CYCLE - 20n : 0n;
  const date = new Date(Number(seconds - cycles * CYCLE) * 1000);
  const day = `${BigInt(date.getFullYear()) + 400n * cycles}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
